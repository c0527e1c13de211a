"""
HTTPS proxy for three hosts and no other: it hands the requests to the twin's APIs of these vendors.

The address is constant in the providers of Neon, Railway and Vercel, so HTTPS_PROXY leads them here. The
proxy's certificate comes from an authority that is created at each start, is valid for these names, and whose
key is never written. Only a process whose SSL_CERT_FILE names the authority trusts it.
"""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from twin.host.home import TwinHome
from twin.host.tls import issue_host_certificate

NEON_HOST: Final = "console.neon.tech"
RAILWAY_HOST: Final = "backboard.railway.app"
VERCEL_HOST: Final = "api.vercel.com"
HOSTS: Final = (NEON_HOST, RAILWAY_HOST, VERCEL_HOST)
_TARGETS: Final = frozenset(f"{host}:443" for host in HOSTS)
_HEAD_SECONDS = 10.0
_CHUNK_BYTES = 64 * 1024


def authority_file(home: TwinHome) -> Path:
    """Return the path of the running proxy's authority certificate (PEM)."""
    return home.tls / "console.crt"


@contextlib.asynccontextmanager
async def serve_proxy(home: TwinHome) -> AsyncGenerator[None]:
    """Serve on the home's port "console" while the block runs."""
    async with await asyncio.start_server(_VendorProxy(home).handle, "127.0.0.1", home.port("console")):
        yield


class _VendorProxy:
    """Ends TLS for the hosts and forwards the plain HTTP to the vendors' process."""

    def __init__(self, home: TwinHome) -> None:
        self._vendors = home.port("vendors")
        authority_pem, server_pem = issue_host_certificate(*HOSTS)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=home.tls) as file:  # the ssl module reads a key from a file only
            file.write(server_pem)
            file.flush()
            self._context.load_cert_chain(file.name)
        partial = authority_file(home).with_suffix(".partial")
        partial.write_bytes(authority_pem)
        partial.replace(authority_file(home))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. Open connections end with the process."""
        # Python before 3.12 logs a cancelled connection as a failure.
        expected = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
        with contextlib.suppress(*expected, TimeoutError):
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            match head.decode("latin-1").split(" ", 2)[:2]:
                case ["CONNECT", target] if target in _TARGETS:
                    await self._tunnel(reader, writer)
                case ["GET", "/"]:
                    await _respond(writer, "200 OK")
                case _:
                    await _respond(writer, "403 Forbidden")
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._context)
        vendor_reader, vendor_writer = await asyncio.open_connection("127.0.0.1", self._vendors)
        try:
            await asyncio.gather(_relay(reader, vendor_writer), _relay(vendor_reader, writer))
        finally:
            vendor_writer.close()


async def _relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy bytes until `source` ends, then close `target`."""
    try:
        while chunk := await source.read(_CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
    finally:
        target.close()


async def _respond(writer: asyncio.StreamWriter, status: str) -> None:
    body = f"This proxy answers for {', '.join(HOSTS)} only.\n"
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write((head + body).encode())
    await writer.drain()
