"""A TCP address on this machine's loopback for a server that has a private Unix socket alone."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 64 << 10


@contextmanager
def relay_socket(path: Path) -> Generator[int]:
    """
    Give a port of 127.0.0.1 whose connections are passed on to the socket at `path`.

    A program of another user can't enter the socket's folder. The server still asks for its password.
    """
    loop = asyncio.new_event_loop()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(accept, "127.0.0.1", 0)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, name="relay", daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one of both ends."""
    with suppress(OSError):
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
    writer.close()
