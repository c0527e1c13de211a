"""Detached processes that are known again later and never mistaken for a stranger's."""

import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

_ROTATE_ABOVE_BYTES = 4 * 1024 * 1024
CLOCK_SLACK_SECONDS = 2.0
"""psutil derives the start time from the wall clock, which may be set; the arguments are compared as well."""

_DYING_SECONDS = 2.0
"""The threads of a killed process may hold its port for a moment after it is gone."""
_EXEC_SECONDS = 2.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Launched:
    """A process that was started here. `created` is Unix time."""

    pid: int
    created: float
    argv: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what `write` left, or None when there is nothing (or nothing sensible)."""
        try:
            content = json.loads(path.read_text())
            return cls(int(content["pid"]), float(content["created"]), tuple(content["argv"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(path)

    def process(self) -> psutil.Process | None:
        """Return the process while it runs; None when it ended or when its pid now belongs to another."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                _reap(process)
                return None
            same_start = abs(process.create_time() - self.created) < CLOCK_SLACK_SECONDS
            return process if same_start and _arguments(process) == self.argv[1:] else None
        except psutil.Error:
            return None


def spawn(argv: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Launched:
    """
    Start `argv` in a session of its own: no terminal, output appended to `log`, which is rotated when large.

    It outlives its parent, which therefore must not hold a `Popen` for it.
    """
    if log.exists() and log.stat().st_size > _ROTATE_ABOVE_BYTES:
        log.replace(log.with_suffix(".log.1"))
    pid = os.posix_spawn(
        argv[0],
        argv,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    process = psutil.Process(pid)
    _await_arguments(process)
    return Launched(pid, process.create_time(), argv)


def find(argv: tuple[str, ...], variable: str, value: str) -> Launched | None:
    """Look for a running process with these arguments and this environment variable."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _arguments(process) == argv[1:] and process.environ().get(variable) == value:
                return Launched(process.pid, process.create_time(), argv)
    return None


def terminate(process: psutil.Process, patience_seconds: float = 10.0) -> None:
    """Ask the process to end, and after `patience_seconds` make it."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        process.resume()  # a suspended process cannot end
        try:
            process.wait(patience_seconds)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience_seconds)


def obstacle(port: int) -> str | None:
    """Say why a service could not listen on the loopback port, or None when it could."""
    deadline = time.monotonic() + _DYING_SECONDS
    while True:
        try:
            _listen(port)
        except PermissionError:
            return "needs privileges that this user does not have"
        except OSError:
            listener = _listener(port)
            if listener or time.monotonic() > deadline:
                return f"is taken by {listener or 'a process that this user cannot see'}"
        else:
            return None
        time.sleep(_POLL_SECONDS)


def python_module(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the arguments that run a module; -P keeps the caller's folder out of the import path."""
    return (sys.executable, "-P", "-m", module, *arguments)


def _arguments(process: psutil.Process) -> tuple[str, ...]:
    """Leave out the executable, which an interpreter may rewrite (macOS framework builds do)."""
    return tuple(process.cmdline()[1:])


def _await_arguments(process: psutil.Process) -> None:
    """Wait for the kernel: the parent of a vfork may run on before the new arguments are in place."""
    deadline = time.monotonic() + _EXEC_SECONDS
    with suppress(psutil.Error):  # it ended already
        while not process.cmdline() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _listen(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()


def _listener(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def _reap(process: psutil.Process) -> None:
    """Collect a dead child; someone else's dead child is theirs to collect."""
    with suppress(psutil.Error):
        process.wait(0)
