"""Runs `./bulwark` under watch, to strike in the middle of it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
from conftest import Installation

SERVICES = ("local.aws.service", "local.vendor_service", "local.platform.service")
_POLL_SECONDS = 0.05


class Run:
    """One `./bulwark` call under way, in a session of its own as in a terminal."""

    def __init__(self, installation: Installation, *arguments: str, **variables: str) -> None:
        self.lines: list[str] = []
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

    def created(self) -> int:
        return sum(" created (" in line for line in self.lines)

    def ended(self) -> bool:
        return self._popen.poll() is not None

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the command alone, or to all of its group, as Ctrl-C in a terminal does."""
        if group:
            os.killpg(self._popen.pid, number)
        else:
            self._popen.send_signal(number)

    def wait(self, timeout_seconds: float) -> int:
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command did not end:\n{self.text[-3000:]}") from None

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            self.lines.append(line)


def until(condition: Callable[[], object], timeout_seconds: float, what: str) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what}"
        time.sleep(_POLL_SECONDS)


def of_installation(installation: Installation) -> list[psutil.Process]:
    """Return every process that was started for this installation, by its environment."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mine = process.environ().get("BULWARK_TWIN") == str(installation.home.root)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def command_line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def is_service(process: psutil.Process) -> bool:
    line = command_line(process)
    return any(service in line for service in SERVICES) or "postgres" in line.split(" ")[0]


def strangers(installation: Installation) -> list[str]:
    """Return what runs for this installation and is none of its services."""
    return [
        f"{process.pid} {line}"
        for process in of_installation(installation)
        if not is_service(process) and (line := command_line(process))
    ]


def the_only(installation: Installation, part: str) -> psutil.Process:
    """Return the process of this installation whose command line has `part` in it."""
    found = [process for process in of_installation(installation) if part in command_line(process)]
    assert found, f"no process of {part}"
    return found[0]
