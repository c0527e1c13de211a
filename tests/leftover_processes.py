"""Processes that a run of the tests has left running, found by a variable that they inherit."""

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


def mark_this_process() -> None:
    """Mark this process and all that it will start."""
    os.environ[RUN] = uuid.uuid4().hex[:6]


def twin_name() -> str:
    """Return a name for a twin of this run, which is the only mark in its services' environment."""
    return f"bulwark-{os.environ.get(RUN, '')}{uuid.uuid4().hex[:6]}"


def end_leftovers(patience_seconds: float = 10.0) -> list[str]:
    """End the processes that still run after a while; return their ids and command lines."""
    deadline = time.monotonic() + patience_seconds
    while (running := list(_running())) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    ended: list[str] = []
    for process in running:
        with suppress(psutil.Error):
            ended.append(f"{process.pid} {' '.join(process.cmdline())}")
            process.kill()
    return ended


def _running() -> Iterator[psutil.Process]:
    run = os.environ[RUN]
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended, or it is another user's
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            if environment.get(RUN) == run or f"/bulwark-{run}" in environment.get(_TWIN, ""):
                yield process
