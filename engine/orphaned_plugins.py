"""
Ends the vendors' provider processes that an engine left behind.

The engine ends a plugin with its process group, but only while it is alive itself. When an engine is killed,
its bridge stays for minutes and the provider below it for ever
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

from core.processes import CLOCK_TOLERANCE_SECONDS, terminate

_MARK: Final = "BULWARK_RUN"
"""Variable of every process that a run started; its value names the run's own process."""

_FOLDERS: Final = {"plugins", "dynamic_tf_plugins"}
"""Where a PULUMI_HOME keeps plugins. Other processes with the mark, such as a database, are meant to stay."""


@cache
def end_with_this_process() -> None:
    """Mark the processes that this one starts from now on, and end the providers among them at its exit."""
    process = psutil.Process()
    os.environ[_MARK] = mine = f"{process.pid} {process.create_time()}"
    atexit.register(_end, mine)


def _end(mine: str) -> None:
    """End the providers of this run, and those of runs whose process is gone."""
    for process in _find_orphans(mine):
        terminate(process)


def _find_orphans(mine: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended, or it is another user's
            if not _FOLDERS & set(Path(process.exe()).parts):
                continue
            run = process.environ().get(_MARK)
            if run and (run == mine or not _is_running(run)):
                yield process


def _is_running(name: str) -> bool:
    """Tell whether the process of this name runs; its number may belong to another process by now."""
    with suppress(psutil.NoSuchProcess):
        number, created = name.split()
        process = psutil.Process(int(number))
        return abs(process.create_time() - float(created)) < CLOCK_TOLERANCE_SECONDS
    return False
