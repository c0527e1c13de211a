"""
Neon's host on this machine: a proxy that answers for console.neon.tech, and for no other host.

Neon's provider calls a constant address, so that it is led here by HTTPS_PROXY. The certificate that it is
shown comes from an authority that is made at each start, is good for this one name, and whose key is never
written; only a process that is told of it (SSL_CERT_FILE) trusts it.
"""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from twin.host.home import TwinHome
from twin.host.tls import one_name

HOST = "console.neon.tech"
_TARGET = f"{HOST}:443"
_HEAD_SECONDS = 10.0
_CHUNK_BYTES = 64 * 1024


def authority(home: TwinHome) -> Path:
    """Return where the certificate of the running proxy's authority is (PEM)."""
    return home.tls / "console.crt"


@contextlib.asynccontextmanager
async def serving(home: TwinHome) -> AsyncGenerator[None]:
    """Serve on the home's port "console"."""
    async with await asyncio.start_server(_Console(home).answer, "127.0.0.1", home.port("console")):
        yield


class _Console:
    """Takes the encryption off what is meant for Neon and hands it to the door in the vendors' process."""

    def __init__(self, home: TwinHome) -> None:
        self._vendors = home.port("vendors")
        trusted, chain = one_name(HOST)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=home.tls) as file:  # the ssl module takes a key from a file only
            file.write(chain)
            file.flush()
            self._context.load_cert_chain(file.name)
        partial = authority(home).with_suffix(".partial")
        partial.write_bytes(trusted)
        partial.replace(authority(home))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; the process's end is the end of all."""
        # Python before 3.12 logs a cancelled connection as a failure.
        expected = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
        with contextlib.suppress(*expected, TimeoutError):
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            match head.decode("latin-1").split(" ", 2)[:2]:
                case ["CONNECT", target] if target == _TARGET:
                    await self._tunnel(reader, writer)
                case ["GET", "/"]:
                    await _say(writer, "200 OK")
                case _:
                    await _say(writer, "403 Forbidden")
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._context)
        back, onward = await asyncio.open_connection("127.0.0.1", self._vendors)
        try:
            await asyncio.gather(_copy(reader, onward), _copy(back, writer))
        finally:
            onward.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on until one side ends, and end the other."""
    try:
        while chunk := await source.read(_CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    finally:
        sink.close()


async def _say(writer: asyncio.StreamWriter, status: str) -> None:
    said = f"This proxy answers for {HOST} only.\n"
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n"
    writer.write((head + said).encode())
    await writer.drain()
