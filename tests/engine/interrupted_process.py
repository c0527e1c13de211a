"""`./bulwark` as a running process, which tests observe and interrupt."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import psutil
from installations import Installation

_POLL_SECONDS = 0.02
LOOK_SECONDS = 0.2
"""Seconds between two checks of all processes or of a service, which cost more than other checks."""


class RunningCommand:
    """One running `./bulwark` command, in a session of its own, without a terminal."""

    def __init__(self, installation: Installation, *arguments: str, **variables: str) -> None:
        self.installation = installation
        self.lines: list[str] = []
        self.read_at: list[datetime] = []
        """When each line was read."""

        self._popen = subprocess.Popen(
            installation.command(*arguments),
            cwd=installation.folder,
            env=installation.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.process = psutil.Process(self._popen.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def count_created(self) -> int:
        return sum(" created (" in line for line in self.lines)

    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the command alone, or to all of its group."""
        if group:
            os.killpg(self._popen.pid, number)
        else:
            self._popen.send_signal(number)

    def kill(self, part: str) -> None:
        """Kill the processes that the command has started and whose command line has `part` in it."""
        children = [child for child in self.process.children(recursive=True) if part in command_line(child)]
        assert children, f"{part} does not run"
        for process in children:
            process.kill()

    def wait(self, timeout_seconds: float = 60) -> int:
        """Return the exit code at the end of the output, which every process that was started must close."""
        try:
            code = self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command did not end:\n{self.text[-3000:]}") from None
        self._reader.join(timeout_seconds)
        return code

    def _read(self) -> None:
        assert self._popen.stdout
        with self._popen.stdout as output:
            for line in output:
                self.read_at.append(datetime.now(UTC))
                self.lines.append(line)


def wait_until(
    condition: Callable[[], object], timeout_seconds: float, what: str, *, every: float = _POLL_SECONDS
) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what}"
        time.sleep(every)


def find_processes(installation: Installation) -> list[psutil.Process]:
    """Return the processes of this installation, by their environment or working directory."""
    processes: list[psutil.Process] = []
    home = str(installation.home.root)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mine = process.environ().get("BULWARK_TWIN") == home or process.cwd().startswith(home)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
    return processes


def find_service(installation: Installation, part: str) -> psutil.Process:
    """Return a service, or a database's first process, by a part of its command line."""
    processes = [process for process in find_processes(installation) if part in command_line(process)]
    assert processes, f"{part} does not run"
    return min(processes, key=psutil.Process.create_time)


def find_leftovers(installation: Installation) -> list[str]:
    """Return the command lines of processes that are no service: engines, plugins, policy packs, commands."""
    parts = ("cli", "pulumi", "twin.bridge_plugin", "twin.aws.provider", "terraform-provider")
    lines = [f"{process.pid} {command_line(process)}" for process in find_processes(installation)]
    return [line for line in lines if any(part in line for part in parts) and "postgres" not in line]


def command_line(process: psutil.Process) -> str:
    """Return the arguments; nothing for a process that has ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
