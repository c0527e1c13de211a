"""
Ends the vendors' provider processes that an engine left behind.

The engine ends a plugin with its process group, but only as long as it lives itself: of an engine that was
killed, the bridge stays for minutes, and the provider below it for ever
(https://github.com/pulumi/pulumi-terraform-bridge/issues/3349).
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from core.processes import CLOCK_SLACK_SECONDS, terminate

_MARK: Final = "BULWARK_RUN"
"""Variable by which a process is known as one that a run started; it names the run's own process."""

_FOLDERS: Final = {"plugins", "dynamic_tf_plugins"}
"""Where a PULUMI_HOME keeps plugins. What else inherits the mark, such as a database, is meant to stay."""


@cache
def end_with_this_process() -> None:
    """Mark what this process starts from now on, and at its exit end the providers among it."""
    process = psutil.Process()
    os.environ[_MARK] = mine = f"{process.pid} {process.create_time()}"
    atexit.register(_end, mine)


def _end(mine: str) -> None:
    """End the providers of this run, and of runs whose process is gone."""
    for process in _left(mine):
        terminate(process)


def _left(mine: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended, or it is another user's
            if not _FOLDERS & set(Path(process.exe()).parts):
                continue
            run = process.environ().get(_MARK)
            if run and (run == mine or not _runs(run)):
                yield process


def _runs(name: str) -> bool:
    """Say whether the process of this name runs; its number may by now be that of another."""
    with suppress(psutil.NoSuchProcess):
        number, created = name.split()
        process = psutil.Process(int(number))
        return abs(process.create_time() - float(created)) < CLOCK_SLACK_SECONDS
    return False
