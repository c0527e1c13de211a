"""What a server offers at its TLS port: versions, and its certificate as clients see it."""

import socket
import ssl
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from core.failure import Failure

_SECONDS: Final = 10.0
VERSIONS: Final = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True)
class ServedCertificate:
    """The certificate that a server shows, and what a client says of it; empty if it is trusted."""

    ends: datetime
    issuer: str
    problem: str


def find_origin(url: str) -> tuple[str, int]:
    """Return host and port of an https:// address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 443


def accepts_version(origin: tuple[str, int], version: ssl.TLSVersion) -> bool:
    """
    Tell whether a server completes a handshake in one version of TLS.

    Raises:
        Failure: nothing listens there.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the version alone is asked for; `read_certificate` checks the rest
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions, which must be refused
        context.minimum_version = context.maximum_version = version
    # OpenSSL speaks the old versions at its lowest security level alone.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with _connect(origin) as connection:
        try:
            with context.wrap_socket(connection, server_hostname=origin[0]):
                return True
        except (ssl.SSLError, ConnectionError):
            return False
        except OSError as error:
            raise _explain(origin, error) from error


def read_certificate(origin: tuple[str, int], authorities: ssl.SSLContext) -> ServedCertificate:
    """
    Return the certificate that a server shows, and whether `authorities` trust it for the host.

    Raises:
        Failure: nothing listens there, or it shows none.
    """
    problem = ""
    with _connect(origin) as connection:
        try:
            with authorities.wrap_socket(connection, server_hostname=origin[0]):
                pass
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message
        except OSError as error:
            raise _explain(origin, error) from error
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE  # to read a certificate that is not trusted
    with _connect(origin) as connection:
        try:
            with unchecked.wrap_socket(connection, server_hostname=origin[0]) as served:
                shown = served.getpeercert(binary_form=True)
        except OSError as error:
            raise _explain(origin, error) from error
    if not shown:
        raise Failure(f"{origin[0]}:{origin[1]} shows no certificate.", "see what listens there.")
    try:
        certificate = x509.load_der_x509_certificate(shown)
    except ValueError as error:
        raise Failure(f"The certificate of {origin[0]}:{origin[1]} can't be read.", "renew it.") from error
    return ServedCertificate(certificate.not_valid_after_utc, certificate.issuer.rfc4514_string(), problem)


def _connect(origin: tuple[str, int]) -> socket.socket:
    try:
        return socket.create_connection(origin, timeout=_SECONDS)
    except OSError as error:
        raise _explain(origin, error) from error


def _explain(origin: tuple[str, int], error: OSError) -> Failure:
    return Failure(
        f"{origin[0]}:{origin[1]} gave no answer: {error.strerror or error}.",
        "see whether the service runs, and run this again.",
    )
