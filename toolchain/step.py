"""Run a setup tool with visible progress and a time limit, and end it with this process."""

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
"""Interval of progress lines in a log. CI systems end jobs that print nothing for minutes."""
_GRACE_SECONDS = 5


def print_progress(text: str) -> None:
    """Print a line on standard error; standard output is for the command's result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def end_on_sigterm() -> None:
    """Turn SIGTERM into SystemExit, so that running tools are ended as well."""
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
    Run `command` to its end, and show the title and the elapsed time on standard error.

    The tool has a process group of its own, which ends with this process. It inherits the locks that this
    process holds (see `toolchain.cache.hold_lock`).

    Raises:
        Failure: the tool could not be started, failed, or took longer than `limit_seconds`.
    """
    progress = StepProgress(title)
    tail = progress.tail
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
            _watch(process, progress, limit_seconds)
        except BaseException:
            progress.close("stopped")
            _end_process_group(process)
            raise
        reader.join(_GRACE_SECONDS)
    if process.returncode:
        progress.close("failed")
        raise explain(title, "".join(tail.copy()))
    progress.close("done")


def read_version_line(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Return the version that a tool prints; an empty text if the tool fails."""
    try:
        answer = subprocess.run(
            command, env=env, cwd="/", capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


class StepProgress:
    """A progress line: rewritten in place on a terminal, repeated at intervals in a log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.tail: deque[str] = deque(maxlen=40)
        """The last lines of the tool's output. A terminal shows the newest of them."""
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._next_log_seconds = float(_LOG_EVERY_SECONDS)
        if not self._terminal:
            print_progress(f"{title} ...")

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
            print_progress(f"{self.title} ... {elapsed:.0f} s")

    def close(self, how: str) -> None:
        start = "\r\x1b[K" if self._terminal else ""
        print_progress(f"{start}{self.title}: {how} in {self.elapsed_seconds:.0f} s")


def _watch(process: subprocess.Popen[str], progress: StepProgress, limit_seconds: float | None) -> None:
    while process.poll() is None:
        progress.show()
        if limit_seconds is not None and progress.elapsed_seconds > limit_seconds:
            raise explain(progress.title, f"timed out after {limit_seconds:.0f} s")
        _wait(process, _REFRESH_SECONDS)


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _end_process_group(process: subprocess.Popen[str]) -> None:
    """End the tool and all processes that it started; a compiler starts dozens."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        _wait(process, _GRACE_SECONDS)
