"""
Encryption to a public key in the age format (age-encryption.org/v1), as a stream in flat memory.

Each output is one whole age file: the program `age` or `rage` decrypts it as well. The work is pyrage's, the
binding of the Rust implementation; it reads and writes files, so that a thread turns its output into chunks.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final, cast

from core.failure import Failure

_BLOCK_BYTES: Final = 1 << 20
_BLOCKS: Final = 4
"""Blocks that wait for the reader: what is converted ahead of it."""

_STOP_SECONDS: Final = 5.0
"""How long a reader that gives up waits for the thread, which may be reading from a network."""

_MAX_IDENTITY_BYTES: Final = 64 << 10


@dataclass(frozen=True)
class AgeIdentity:
    """The private keys of an identity file."""

    file: Path
    keys: Sequence[Any] = field(repr=False)
    """pyrage's identities."""


class WrongIdentityError(ValueError):
    """None of the private keys belongs to a public key that the file was encrypted to."""


class DamagedFileError(ValueError):
    """It is no age file, or it was changed or cut off after it was encrypted."""


def require_recipient(text: str) -> str:
    """Return a public key (`age1...`) unchanged. Raise ValueError if it is none."""
    import pyrage  # noqa: PLC0415 - only the copy elsewhere needs it

    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError("is no public key of the form `age1...`, as age-keygen prints it") from None
    return text


def read_identity(file: Path) -> AgeIdentity:
    """
    Read an identity file, as age-keygen writes it: a private key a line, and comments.

    Raises:
        Failure: it can't be read, others may read it, or it holds no private key.
    """
    import pyrage  # noqa: PLC0415 - as above

    make_one = "name the file that age-keygen wrote for the copy elsewhere."
    try:
        if file.stat().st_mode & 0o077:
            raise Failure(f"The identity {file} is readable by others.", f"chmod 600 {file}")
        with file.open("rb") as opened:
            content = opened.read(_MAX_IDENTITY_BYTES)
    except OSError as error:
        raise Failure(f"The identity {file} can't be read: {error.strerror}.", make_one) from None
    lines = [line.strip() for line in content.decode(errors="replace").splitlines()]
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise Failure(f"{file} holds no private key of the form AGE-SECRET-KEY-1...", make_one)
    return AgeIdentity(file, keys)


def encrypt(chunks: Iterable[bytes], recipients: Sequence[str]) -> Iterator[bytes]:
    """
    Yield one age file that each of the recipients (`age1...`) can decrypt. Raises what `chunks` raises.

    Closing the iterator earlier ends the work.
    """
    import pyrage  # noqa: PLC0415 - as above

    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    return _convert(chunks, lambda source, sink: pyrage.encrypt_io(source, sink, keys))


def decrypt(chunks: Iterable[bytes], identity: AgeIdentity) -> Iterator[bytes]:
    """
    Yield the content of one age file.

    What is yielded is genuine. That nothing is missing at its end is known when the iterator has ended.

    Raises:
        WrongIdentityError: none of the private keys opens it.
        DamagedFileError: it is no whole age file.
        Exception: whatever `chunks` raises.
    """
    import pyrage  # noqa: PLC0415 - as above

    return _convert(
        chunks, lambda source, sink: pyrage.decrypt_io(source, sink, identity.keys), _explain_refusal
    )


def _explain_refusal(error: Exception) -> Exception:
    """Return what an exception of pyrage's decryption means; damage of the content is its OSError."""
    import pyrage  # noqa: PLC0415 - as above

    if isinstance(error, pyrage.DecryptError) and "matching key" in str(error):
        return WrongIdentityError()
    return DamagedFileError() if isinstance(error, pyrage.DecryptError | OSError) else error


class _AbandonedError(Exception):
    """Ends the conversion: its reader has gone."""


class _Source:
    """The file that pyrage reads: the chunks, in the sizes that it asks for."""

    def __init__(self, chunks: Iterable[bytes], abandoned: threading.Event) -> None:
        self._chunks, self._rest, self._abandoned = iter(chunks), memoryview(b""), abandoned
        self.error: Exception | None = None
        """What the chunks raised."""

    def read(self, size: int = -1, /) -> bytes:
        while not self._rest:
            if self._abandoned.is_set():
                raise _AbandonedError
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return b""
            except Exception as error:
                self.error = error
                raise
        taken = self._rest[: size if size >= 0 else None]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)


class _Sink:
    """The file that pyrage writes: it hands over blocks, and waits while enough of them are ready."""

    def __init__(self, blocks: "queue.Queue[bytes | None]", abandoned: threading.Event) -> None:
        self._blocks, self._abandoned = blocks, abandoned
        self._partial = bytearray()

    def write(self, data: bytes, /) -> int:
        self._partial += data
        if len(self._partial) >= _BLOCK_BYTES:
            self.hand_over()
        return len(data)

    def flush(self) -> None:
        """Keep what is too small for a block."""

    def hand_over(self) -> None:
        if self._abandoned.is_set():
            raise _AbandonedError
        if self._partial:
            self._blocks.put(bytes(self._partial))
            self._partial.clear()


def _convert(
    chunks: Iterable[bytes],
    convert: Callable[[BufferedIOBase, BufferedIOBase], object],
    explain: Callable[[Exception], Exception] = lambda error: error,
) -> Iterator[bytes]:
    """Yield what `convert` makes of the chunks, in blocks. Errors of the chunks come as they were raised."""
    abandoned = threading.Event()
    blocks: queue.Queue[bytes | None] = queue.Queue(_BLOCKS)
    source, sink = _Source(chunks, abandoned), _Sink(blocks, abandoned)
    failed: list[Exception] = []

    def run() -> None:
        try:
            # pyrage only calls `read`, `write` and `flush`.
            convert(cast("BufferedIOBase", source), cast("BufferedIOBase", sink))
            sink.hand_over()
        except Exception as error:  # noqa: BLE001 - raised by the reader
            failed.append(error)
        finally:
            blocks.put(None)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        while (block := blocks.get()) is not None:
            yield block
        # pyrage passes on the text of such an error alone.
        if source.error:
            raise source.error
        if failed:
            raise explain(failed[0]) from None
    finally:
        abandoned.set()
        _await_end(thread, blocks)


def _await_end(thread: threading.Thread, blocks: "queue.Queue[bytes | None]") -> None:
    """Wait for a thread that may be waiting to hand over a block; not for ever for one that reads."""
    rounds = round(_STOP_SECONDS / 0.05)
    for _ in range(rounds):
        if not thread.is_alive():
            return
        with suppress(queue.Empty):
            blocks.get_nowait()
        thread.join(0.05)
