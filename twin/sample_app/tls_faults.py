"""The sample platform's TLS: as a hardened server has it, and with each fault that it can have."""

import ssl
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from twin.host.home import TwinHome
from twin.host.tls import OTHER_CERTIFICATE, SHORT_CERTIFICATE, issue_host_certificate
from twin.sample_app.faults import PlatformFaults

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are OpenSSL's own."""

_CURVE: Final = "prime256v1"
"""The one that every build of OpenSSL has; the module takes one alone before Python 3.14."""


class ServedTls(ssl.SSLContext):
    """
    A server's context that hands each connection to the context which the faults ask for.

    asyncio makes the TLS object of a connection by `wrap_bio`.
    """

    faults: PlatformFaults
    open_faulty: Callable[[str], ssl.SSLContext]

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Return the TLS object of one connection."""
        fault = next((name for name in sorted(self.faults.names) if name.startswith("tls-")), "")
        if fault:
            return self.open_faulty(fault).wrap_bio(*arguments, **options)
        return super().wrap_bio(*arguments, **options)


def serve_tls(home: TwinHome, faults: PlatformFaults) -> ServedTls:
    """Return the context with the platform's certificate."""
    context = ServedTls(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.load_cert_chain(home.tls / "platform.crt", home.tls / "platform.key")
    context.faults = faults
    context.open_faulty = cache(lambda fault: _open_faulty(fault, home))
    return context


def _harden(context: ssl.SSLContext) -> None:
    """Let it be what Mozilla's configuration "intermediate" allows, which `sslyze` compares with."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_ecdh_curve(_CURVE)


def _open_faulty(fault: str, home: TwinHome) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    match fault:
        case "tls-stranger":
            with tempfile.NamedTemporaryFile() as file:  # the ssl module reads a key from a file only
                file.write(issue_host_certificate("localhost")[1])
                file.flush()
                context.load_cert_chain(file.name)
        case "tls-other-name":
            context.load_cert_chain(home.tls / OTHER_CERTIFICATE)
        case "tls-ends-soon":
            context.load_cert_chain(home.tls / SHORT_CERTIFICATE)
        case _:
            context.load_cert_chain(home.tls / "platform.crt", home.tls / "platform.key")
    if fault == "tls-no-1.3":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if fault == "tls-old":
        # OpenSSL takes the old versions at its lowest security level alone.
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions, which are the fault
            context.minimum_version = ssl.TLSVersion.TLSv1
    return context
