"""Measure whole processes from outside: wall and CPU seconds, memory and temporary disk of a pipeline."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from postgres_server.cluster import Cluster

_SAMPLE_SECONDS: Final = 0.05

Pipeline = Sequence[Sequence[str | Path]]
"""Commands; each reads the output of the previous one."""


@dataclass(frozen=True)
class Figures:
    """Wall and CPU seconds of one run, and its peak memory and disk in megabytes, without servers."""

    wall: float
    cpu: float
    memory: float
    disk: float

    def __add__(self, later: "Figures") -> "Figures":
        """Add the figures of a later run: times add up, peaks take the larger one."""
        return Figures(
            self.wall + later.wall,
            self.cpu + later.cpu,
            max(self.memory, later.memory),
            max(self.disk, later.disk),
        )


def measure(pipeline: Pipeline, environment: Mapping[str, str], temporary: Path) -> Figures:
    """
    Run a pipeline to its end in the folder `temporary`, whose growth is measured.

    Raises:
        CalledProcessError: a command failed; what all of them said went to standard error.
    """
    with TemporaryFile() as errors:
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
                    stderr=errors,
                )
            )
        for process in running:
            if process.stdout:
                process.stdout.close()  # so that the writer notices when its reader ends
        watch = _ResourceWatch([one.pid for one in running], temporary)
        cpu = 0.0
        for command, process in zip(pipeline, running, strict=True):
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
            if process.returncode:
                errors.seek(0)
                sys.stderr.write(errors.read().decode(errors="replace"))
                raise subprocess.CalledProcessError(process.returncode, [str(part) for part in command])
        wall = time.perf_counter() - begin
        watch.end()
    return Figures(wall, cpu, watch.memory / 1e6, watch.disk / 1e6)


class _ResourceWatch:
    """Samples the memory of processes with their children, and the size of a folder."""

    def __init__(self, pids: Sequence[int], folder: Path) -> None:
        self.memory = self.disk = 0
        self._pids, self._folder = pids, folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.memory = max(self.memory, sum(resident_bytes(pid) for pid in self._pids))
            self.disk = max(self.disk, disk_bytes(self._folder) + unnamed_bytes(self._pids, self._folder))


def resident_bytes(pid: int) -> int:
    """Return the resident bytes of a process with its children."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass  # a process ended meanwhile
    return total


def empty_archive(cluster: Cluster) -> None:
    """Remove a server's archived log but for the segment that is being written, which has another name."""
    for segment in cluster.archive.glob("[!.]*"):
        segment.unlink()


def disk_bytes(folder: Path) -> int:
    """Return the bytes on disk of the files below `folder`."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # removed meanwhile
        total += status.st_blocks * 512
    return total


def unnamed_bytes(pids: Sequence[int], folder: Path) -> int:
    """Return the bytes on disk of files without a name in `folder` that processes and their children have."""
    sizes: dict[int, int] = {}
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            for process in (parent, *parent.children(recursive=True)):
                for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
                    name = str(descriptor.readlink())
                    if name.startswith(f"{folder}/") and name.endswith(" (deleted)"):
                        status = descriptor.stat()
                        sizes[status.st_ino] = status.st_blocks * 512
        except (psutil.Error, OSError):
            pass  # a process ended, or a file was closed meanwhile
    return sum(sizes.values())


def run_in_turn(contenders: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, list[Figures]]:
    """Run all contenders in turn; return the figures of each. The first round is not counted."""
    results: dict[str, list[Figures]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            figures = run()
            if number:
                results[name].append(figures)
        sys.stderr.write(f"round {number} of {rounds}\n")
    return results


def write_beside_goal(figure: str, goal: float | None) -> str:
    """Return a figure with what is good enough, if there is such a number."""
    return figure if goal is None else f"{figure} (goal: {goal:g})"


def show(
    title: str,
    results: Mapping[str, list[Figures]],
    against: Sequence[str],
    goals: Mapping[tuple[str, str], float] | None = None,
) -> None:
    """
    Print the medians, and the ratio of each wall time to those of `against` (median of the rounds).

    `goals` are the largest ratios that are good enough, by the contender and whom it is compared with.
    """
    goals = goals or {}
    table = Table(
        "", "wall", "CPU", "memory", "temporary disk", *(f"/ {name}" for name in against), title=title
    )
    for name, runs in results.items():
        wall, cpu, memory, disk = (
            statistics.median(getattr(run, field.name) for run in runs) for field in fields(Figures)
        )
        ratios = [
            statistics.median(
                mine.wall / theirs.wall for mine, theirs in zip(runs, results[other], strict=True)
            )
            for other in against
        ]
        table.add_row(
            name,
            f"{wall:.2f} s",
            f"{cpu:.2f} s",
            f"{memory:.0f} MB",
            f"{disk:.0f} MB",
            *(
                write_beside_goal(f"{ratio:.2f}", goals.get((name, other)))
                for ratio, other in zip(ratios, against, strict=True)
            ),
        )
    Console(width=max(Console().width, 110)).print(table)
