"""The twin's own certificate authority, so that certificate checks against the sample platform are real."""

import fcntl
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.lock_file import open_lock_file
from twin.host.home import TwinHome

RENEW_BEFORE = timedelta(days=7)
_LIFETIME = timedelta(days=365)
SHORT_CERTIFICATE = "platform-short.pem"
"""Certificate and key that end three days after they were made: a fault of the sample platform."""
OTHER_CERTIFICATE = "platform-other.pem"
"""Certificate and key for another host than the platform's: another fault."""

_SHORT_LIFETIME = timedelta(days=3)
_NAMES = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True)
class _CertificateAndKey:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_certificates(home: TwinHome, *, lifetime: timedelta = _LIFETIME) -> None:
    """
    Create the authority, the platform's certificate and the two faulty ones, unless a valid set exists.

    The server certificate is for localhost, 127.0.0.1 and ::1. All files are replaced if one is missing, if
    they don't belong together (after an interruption), or if a certificate ends within seven days. The
    authority's key is never written: nothing else can be signed with it.
    """
    with open_lock_file(home.tls / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_valid(home):
            return
        authority = _create_authority(lifetime)
        server = _issue_certificate(authority, lifetime, _NAMES)
        short = _issue_certificate(authority, _SHORT_LIFETIME, _NAMES)
        other = _issue_certificate(authority, lifetime, (x509.DNSName("other.example.com"),))
        _write(home, SHORT_CERTIFICATE, _certificate_pem(short) + _key_pem(short))
        _write(home, OTHER_CERTIFICATE, _certificate_pem(other) + _key_pem(other))
        _write(home, "ca.crt", _certificate_pem(authority))
        _write(home, "platform.key", _key_pem(server))
        _write(home, "platform.crt", _certificate_pem(server))


def issue_host_certificate(*names: str) -> tuple[bytes, bytes]:
    """
    Create an authority that is valid for these host names only, and a server certificate for them.

    Returns (the authority's certificate, the server's certificate and key), both PEM. The authority's key is
    not kept.
    """
    hosts = tuple(x509.DNSName(name) for name in names)
    limits = x509.NameConstraints(permitted_subtrees=hosts, excluded_subtrees=None)
    authority = _create_authority(_LIFETIME, limits)
    server = _issue_certificate(authority, _LIFETIME, hosts)
    return _certificate_pem(authority), _certificate_pem(server) + _key_pem(server)


def tls_context(authority: Path) -> ssl.SSLContext:
    """Return a client's context that trusts the system's authorities and, once it exists, the twin's."""
    changed_ns = authority.stat().st_mtime_ns if authority.exists() else 0
    return _build_context(authority, changed_ns)


@lru_cache(maxsize=4)
def _build_context(authority: Path, changed_ns: int) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if changed_ns:
        context.load_verify_locations(authority)
    return context


def _is_valid(home: TwinHome) -> bool:
    try:
        authority = x509.load_pem_x509_certificate((home.tls / "ca.crt").read_bytes())
        server = x509.load_pem_x509_certificate((home.tls / "platform.crt").read_bytes())
        key = serialization.load_pem_private_key((home.tls / "platform.key").read_bytes(), password=None)
        faulty = [
            x509.load_pem_x509_certificate((home.tls / name).read_bytes())
            for name in (SHORT_CERTIFICATE, OTHER_CERTIFICATE)
        ]
        for issued in (server, *faulty):
            issued.verify_directly_issued_by(authority)
    except (OSError, ValueError, InvalidSignature):
        return False
    end = min(authority.not_valid_after_utc, server.not_valid_after_utc)
    return key.public_key() == server.public_key() and end > datetime.now(UTC) + RENEW_BEFORE


def _create_authority(lifetime: timedelta, limits: x509.NameConstraints | None = None) -> _CertificateAndKey:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bulwark twin")])
    builder = (
        _certificate_builder(name, name, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    if limits:
        builder = builder.add_extension(limits, critical=True)
    return _CertificateAndKey(builder.sign(key, hashes.SHA256()), key)


def _issue_certificate(
    authority: _CertificateAndKey, lifetime: timedelta, names: Sequence[x509.GeneralName]
) -> _CertificateAndKey:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value))])
    builder = (
        _certificate_builder(name, authority.certificate.subject, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )
    return _CertificateAndKey(builder.sign(authority.key, hashes.SHA256()), key)


def _certificate_pem(pair: _CertificateAndKey) -> bytes:
    return pair.certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(pair: _CertificateAndKey) -> bytes:
    return pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(home: TwinHome, name: str, content: bytes) -> None:
    partial = home.tls / f".{name}.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(home.tls / name)
