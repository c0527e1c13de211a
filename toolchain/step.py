"""Running the tools that set things up: visibly, within a limit, and never left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.causes import explain

_REFRESH_SECONDS = 0.5
_LOG_EVERY_SECONDS = 30
"""How often a log without a terminal gets a sign of life; CI systems end jobs that are silent for minutes."""
_GRACE_SECONDS = 5


def say(text: str) -> None:
    """Print progress; standard output is left to what the command was asked for."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def end_on_sigterm() -> None:
    """Make SIGTERM an exit that unwinds, so that the tools which are at work end as well."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def run_step(
    title: str,
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    limit_seconds: float | None = None,
) -> None:
    """
    Run `command` to its end while the title and the elapsed time show on standard error.

    The tool gets a process group of its own, which is ended with us, and inherits the locks that are held
    (see `toolchain.cache.locked`).

    Raises:
        Failure: the tool could not be started, failed, or took longer than `limit_seconds`.
    """
    clock = StepProgress(title)
    tail = clock.tail
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            close_fds=False,
            start_new_session=True,
        )
    except OSError as error:
        raise explain(title, str(error)) from None
    with process:
        reader = threading.Thread(target=tail.extend, args=(process.stdout,), daemon=True)
        try:
            reader.start()
            _watch(process, clock, limit_seconds)
        except BaseException:
            clock.close("stopped")
            _end(process)
            raise
        reader.join(_GRACE_SECONDS)
    if process.returncode:
        clock.close("failed")
        raise explain(title, "".join(tail.copy()))
    clock.close("done")


def version_line(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Return what a tool says about its version; nothing if it cannot even say that."""
    try:
        answer = subprocess.run(
            command, env=env, cwd="/", capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


class StepProgress:
    """One line: rewritten in place on a terminal, repeated now and then in a log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.tail: deque[str] = deque(maxlen=40)
        """The last lines of the tool's output; a terminal shows the newest beside the time."""
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._next_log_seconds = float(_LOG_EVERY_SECONDS)
        if not self._terminal:
            say(f"{title} ...")

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._start

    def show(self) -> None:
        elapsed = self.elapsed_seconds
        if self._terminal:
            latest = self.tail[-1].strip() if self.tail else ""
            line = f"{self.title} ... {elapsed:.0f} s  {latest}"
            sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()
        elif elapsed >= self._next_log_seconds:
            self._next_log_seconds += _LOG_EVERY_SECONDS
            say(f"{self.title} ... {elapsed:.0f} s")

    def close(self, how: str) -> None:
        start = "\r\x1b[K" if self._terminal else ""
        say(f"{start}{self.title}: {how} in {self.elapsed_seconds:.0f} s")


def _watch(process: subprocess.Popen[str], clock: StepProgress, limit_seconds: float | None) -> None:
    while process.poll() is None:
        clock.show()
        if limit_seconds is not None and clock.elapsed_seconds > limit_seconds:
            raise explain(clock.title, f"timed out after {limit_seconds:.0f} s")
        _wait(process, _REFRESH_SECONDS)


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _end(process: subprocess.Popen[str]) -> None:
    """End the tool and everything that it started (a compiler runs in dozens of processes)."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        _wait(process, _GRACE_SECONDS)
