"""A client program as a child process that is ended on every way out."""

import fcntl
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from toolchain.failure import Failure

_PIPE_BYTES: Final = 1 << 20
_LINE_BYTES: Final = 2000
_LINES: Final = 60
"""At the beginning and at the end each: the first complaint is the cause, the last is the consequence."""

_GRACE_SECONDS: Final = 5.0
_TOLD: Final = re.compile(r"^pg_\w+: (?!error|warning|detail|hint|fatal)", re.IGNORECASE)


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    complaints: str

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    @property
    def how(self) -> str:
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


class Program:
    """
    One run of a program, in a context that does not end before the program has.

    It has a session of its own, so that a Ctrl-C reaches it through this program alone, in order.
    """

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        heard: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`heard` is called, in a thread, with each line of what a verbose program tells of its progress."""
        self._argv = [os.fsencode(program), *(argument.encode() for argument in arguments)]
        self._environment = dict(environment)
        self._heard = heard
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LINES)

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                self._argv,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(
                f"{os.fsdecode(self._argv[0])} cannot be run.", "install it anew.", str(error)
            ) from None
        with suppress(OSError, AttributeError):  # a larger pipe is only faster
            fcntl.fcntl(self._stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            # Told to end, it cancels what the server is doing for it.
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        self._kill()
        self._stdout.close()
        self._listener.join(_GRACE_SECONDS)

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout  # noqa: S101 - piped above
        return self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def output(self, chunk_bytes: int) -> Generator[bytes]:
        """Give what it writes, as it comes, up to its end."""
        while chunk := self._stdout.read(chunk_bytes):
            yield chunk

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self._process.wait()
        # What was killed alone may have left workers, and they hold the other end of its pipes.
        self._kill()
        self._listener.join()
        gap = ["..."] if len(self._last) == _LINES else []
        return Ended(code, "\n".join([*self._first, *gap, *self._last]))

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _listen(self) -> None:
        stream = self._process.stderr
        assert stream  # noqa: S101 - piped above
        with stream:
            for line in _lines(stream):
                if _TOLD.match(line):
                    self._heard(line)
                elif len(self._first) < _LINES:
                    self._first.append(line)
                else:
                    self._last.append(line)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Give the lines of a stream, the long ones cut: a complaint may cite a whole row."""
    rest = b""
    while block := stream.read(65536):
        *whole, rest = (rest + block).split(b"\n")
        rest = rest[: _LINE_BYTES + 1]
        yield from (_text(line) for line in whole)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line[:_LINE_BYTES].decode(errors="replace").rstrip()
