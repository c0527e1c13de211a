"""What a run of the tests has left running, known by a variable that its processes inherit."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

RUN: Final = "BULWARK_TESTS"
_TWIN: Final = "BULWARK_TWIN"
_POLL_SECONDS: Final = 0.1


def begin() -> None:
    """Mark this process, and with it all that it starts."""
    os.environ[RUN] = uuid.uuid4().hex[:6]


def twin_name() -> str:
    """Name a twin of this run, if it is one of tests: its services' environment has no other mark."""
    return f"bulwark-{os.environ.get(RUN, '')}{uuid.uuid4().hex[:6]}"


def left(patience_seconds: float = 10.0) -> list[str]:
    """Return what is still there after a while, each with its command line, and end it."""
    deadline = time.monotonic() + patience_seconds
    while (found := list(_running())) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    told: list[str] = []
    for process in found:
        with suppress(psutil.Error):
            told.append(f"{process.pid} {' '.join(process.cmdline())}")
            process.kill()
    return told


def _running() -> Iterator[psutil.Process]:
    run = os.environ[RUN]
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended, or it is another user's
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            if environment.get(RUN) == run or f"/bulwark-{run}" in environment.get(_TWIN, ""):
                yield process
