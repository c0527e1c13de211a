"""What whole processes take, seen from outside: a pipeline's wall and CPU seconds, memory, temporary disk."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

_LOOK_SECONDS: Final = 0.05

Pipeline = Sequence[Sequence[str | Path]]
"""Commands, each reading what the one before it writes."""


@dataclass(frozen=True)
class Figures:
    """Of one run: seconds, and megabytes at the peak. Servers that it talks to are not in it."""

    wall: float
    cpu: float
    memory: float
    disk: float

    def __add__(self, later: "Figures") -> "Figures":
        """Add what runs after it."""
        return Figures(
            self.wall + later.wall,
            self.cpu + later.cpu,
            max(self.memory, later.memory),
            max(self.disk, later.disk),
        )


def measured(pipeline: Pipeline, environment: Mapping[str, str], temporary: Path) -> Figures:
    """
    Run a pipeline to its end, with `temporary` as the folder that it may fill.

    Raises:
        CalledProcessError: for a command that fails; what it said goes to standard error.
    """
    begin = time.perf_counter()
    running: list[subprocess.Popen[bytes]] = []
    for command in pipeline:
        running.append(
            subprocess.Popen(
                command,
                env=dict(environment),
                cwd=temporary,
                stdin=running[-1].stdout if running else subprocess.DEVNULL,
                stdout=subprocess.PIPE if len(running) + 1 < len(pipeline) else subprocess.DEVNULL,
            )
        )
    for one in running:
        if one.stdout:
            one.stdout.close()  # or the reader's end would not be the writer's
    watched = _Watch([one.pid for one in running], temporary)
    cpu = 0.0
    for command, one in zip(pipeline, running, strict=True):
        _, status, usage = os.wait4(one.pid, 0)
        one.returncode = os.waitstatus_to_exitcode(status)
        cpu += usage.ru_utime + usage.ru_stime
        if one.returncode:
            raise subprocess.CalledProcessError(one.returncode, [str(part) for part in command])
    wall = time.perf_counter() - begin
    watched.end()
    return Figures(wall, cpu, watched.memory / 1e6, watched.disk / 1e6)


class _Watch:
    """Looks again and again at what processes, with all that they started, and a folder take."""

    def __init__(self, pids: Sequence[int], folder: Path) -> None:
        self.memory = self.disk = 0
        self._pids, self._folder = pids, folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.memory = max(self.memory, sum(resident(pid) for pid in self._pids))
            self.disk = max(self.disk, size_of(self._folder))


def resident(pid: int) -> int:
    """Return the bytes that a process has in memory, with all that it started."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass  # it ended while we looked
    return total


def size_of(folder: Path) -> int:
    """Return how many bytes the files below `folder` take on disk."""
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # it went while we looked
        total += found.st_blocks * 512
    return total


def compared(contenders: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, list[Figures]]:
    """Run all of them in turn, after a round that does not count; return each one's figures."""
    found: dict[str, list[Figures]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            figures = run()
            if number:
                found[name].append(figures)
        sys.stderr.write(f"round {number} of {rounds}\n")
    return found


def show(title: str, found: Mapping[str, list[Figures]], against: Sequence[str]) -> None:
    """Print medians, and the ratios of wall times to those of `against`, as medians of the rounds' ratios."""
    table = Table(
        "", "wall", "CPU", "memory", "temporary disk", *(f"/ {name}" for name in against), title=title
    )
    for name, runs in found.items():
        wall, cpu, memory, disk = (
            statistics.median(getattr(run, field.name) for run in runs) for field in fields(Figures)
        )
        ratios = [
            statistics.median(
                mine.wall / theirs.wall for mine, theirs in zip(runs, found[other], strict=True)
            )
            for other in against
        ]
        table.add_row(
            name,
            f"{wall:.2f} s",
            f"{cpu:.2f} s",
            f"{memory:.0f} MB",
            f"{disk:.0f} MB",
            *(f"{ratio:.2f}" for ratio in ratios),
        )
    Console(width=max(Console().width, 110)).print(table)
