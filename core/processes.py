"""Start detached processes, and find them again later without mistaking another process for them."""

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

from core.failure import Failure

_ROTATE_ABOVE_BYTES = 4 * 1024 * 1024
CLOCK_TOLERANCE_SECONDS = 2.0
"""psutil derives a start time from the wall clock, which may be set; the arguments are compared as well."""

_PORT_RELEASE_SECONDS = 2.0
"""How long the threads of a killed process may still hold its port."""
_EXEC_SECONDS = 2.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class LaunchedProcess:
    """A process that `spawn` started. `created` is its start in Unix time."""

    pid: int
    created: float
    argv: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the record that `write` left in `path`, None if there is none or it can't be read."""
        try:
            content = json.loads(path.read_text())
            return cls(int(content["pid"]), float(content["created"]), tuple(content["argv"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(path)

    def find(self) -> psutil.Process | None:
        """Return the running process, None if it has ended or its pid belongs to another process now."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                _reap(process)
                return None
            same_start = abs(process.create_time() - self.created) < CLOCK_TOLERANCE_SECONDS
            return process if same_start and _arguments(process) == self.argv[1:] else None
        except psutil.Error:
            return None


def spawn(argv: tuple[str, ...], environment: Mapping[str, str], log: Path) -> LaunchedProcess:
    """
    Start `argv` in a session of its own, without a terminal; append its output to `log`.

    A log above 4 MiB is rotated first. The process outlives its parent, so there is no `Popen` object for it.
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
    return LaunchedProcess(pid, process.create_time(), argv)


def find_launched(argv: tuple[str, ...], variable: str, value: str) -> LaunchedProcess | None:
    """Find a running process with these arguments and this value of an environment variable."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _arguments(process) == argv[1:] and process.environ().get(variable) == value:
                return LaunchedProcess(process.pid, process.create_time(), argv)
    return None


def terminate(process: psutil.Process, timeout_seconds: float = 10.0) -> None:
    """
    Send SIGTERM, and after `timeout_seconds` SIGKILL; wait until the process has ended.

    Raises:
        Failure: it does not end, such as one that waits for a disk which does not answer.
    """
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        process.resume()  # a suspended process cannot end
        if _await_end(process, timeout_seconds):
            return
        process.kill()
        if not _await_end(process, timeout_seconds):
            raise Failure(
                f"Process {process.pid} does not end, though it was killed.",
                f"see what it waits for (`ps -o stat,wchan {process.pid}`), then run this again.",
            )


def _await_end(process: psutil.Process, timeout_seconds: float) -> bool:
    """
    Wait until a process has ended, and return whether it has.

    psutil would wait for its parent as well, which looks after it late, and in a container without an init
    never.
    """
    deadline = time.monotonic() + timeout_seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    _reap(process)
    return True


def find_port_conflict(port: int) -> str | None:
    """Return why a service can't listen on the loopback port, None if it can."""
    deadline = time.monotonic() + _PORT_RELEASE_SECONDS
    while True:
        try:
            _try_to_listen(port)
        except PermissionError:
            return "needs privileges that this user does not have"
        except OSError:
            listener = _describe_listener(port)
            if listener or time.monotonic() > deadline:
                return f"is taken by {listener or 'a process that this user cannot see'}"
        else:
            return None
        time.sleep(_POLL_SECONDS)


def listens_at(process: psutil.Process, port: int) -> bool:
    """Tell whether a process listens at a TCP port."""
    with suppress(psutil.Error):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            for connection in process.net_connections("tcp")
        )
    return False


def module_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line that runs a module; -P keeps the caller's folder out of the import path."""
    return (sys.executable, "-P", "-m", module, *arguments)


def _arguments(process: psutil.Process) -> tuple[str, ...]:
    """Return the command line without the executable, which macOS framework builds of Python rewrite."""
    return tuple(process.cmdline()[1:])


def _await_arguments(process: psutil.Process) -> None:
    """Wait until the kernel shows the new arguments; after a vfork the parent may run before that."""
    deadline = time.monotonic() + _EXEC_SECONDS
    with suppress(psutil.Error):  # the process has ended already
        while not process.cmdline() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _try_to_listen(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()


def _describe_listener(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def _reap(process: psutil.Process) -> None:
    """Reap the process if it is a child of this one."""
    with suppress(psutil.Error):
        process.wait(0)
