"""
Provision and preview of production, compared with the smallest program of the same size.

`python bench/provision.py [rounds]` runs both in turn, each on a fresh twin whose services run already, and
prints medians and the median ratio. It measures whole processes from outside: wall seconds, the CPU seconds
of `up`, which depend less on other work on the machine, and the peak resident memory of the command, both
with its children and without the services.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from measurement import resident_bytes, write_beside_goal
from rich.console import Console
from rich.table import Table

from core.state_folder import HOME_VARIABLE
from engine.stack_file import CHECKOUT
from engine.targets import find_twin_target
from engine.twin import TwinTarget
from twin.host.home import TwinHome
from twin.plugin_install import install_stand_ins
from twin.services import start, stop

BULWARK = [str(CHECKOUT / "bulwark")]
PRODUCTION = ["--stack", "prod", "--twin"]
SMALLEST_IMPORTS = (
    "pulumi, pulumi_aws.s3, pulumi_aws.iam, pulumi_aws.kms, pulumi_neon, pulumi_pagerduty, pulumi_railway, "
    "pulumi_sentry, pulumi_uptimerobot, pulumi_vercel"
)
GOALS = {"imports": 2, "up": 1.3}
"""Figure -> the largest ratio to the smallest program that is good enough."""

SMALLEST = [sys.executable, str(Path(__file__).parent / "smallest.py")]


@dataclass(frozen=True)
class Round:
    """Figures of one program: seconds, and peak memory in megabytes."""

    imports: float
    up: float
    up_cpu: float
    preview: float
    memory: float


def measure(command: Sequence[str], home: TwinHome) -> tuple[float, float]:
    """Run a command; return (wall seconds, peak megabytes). Raise CalledProcessError if it fails."""
    environment = os.environ | {HOME_VARIABLE: str(home.root)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else each call would compile everything
    begin = time.perf_counter()
    running = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while running.poll() is None:
            peak = max(peak, resident_bytes(running.pid))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = running.communicate()
    seconds = time.perf_counter() - begin
    watcher.join()
    if running.returncode:
        sys.stderr.write(output.decode(errors="replace"))
        raise subprocess.CalledProcessError(running.returncode, command)
    return seconds, peak / 1e6


def run(imports: str, up: Sequence[str], preview: Sequence[str]) -> Round:
    """Measure the import of the program's modules, an `up` on a fresh twin, and a preview after it."""
    settings = find_twin_target("prod").settings
    with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as folder:
        Path(folder).chmod(0o711)
        home = TwinHome(Path(folder) / "twin")
        home.create()
        install_stand_ins(home.pulumi)
        services = TwinTarget("prod", settings, "stand-in", home).services()
        start(home, services)
        try:
            import_seconds, _ = measure([sys.executable, "-c", f"import {imports}"], home)
            cpu = sum(os.times()[2:4])
            up_seconds, up_memory = measure(up, home)
            cpu = sum(os.times()[2:4]) - cpu
            preview_seconds, preview_memory = measure(preview, home)
        finally:
            stop(home, services)
    return Round(import_seconds, up_seconds, cpu, preview_seconds, max(up_memory, preview_memory))


def main(rounds: int) -> None:
    ours: list[Round] = []
    smallest: list[Round] = []
    for number in range(rounds):
        ours.append(
            run("components.stack", [*BULWARK, "up", *PRODUCTION], [*BULWARK, "preview", *PRODUCTION])
        )
        smallest.append(run(SMALLEST_IMPORTS, [*SMALLEST, "up"], [*SMALLEST, "preview"]))
        sys.stderr.write(f"round {number + 1} of {rounds}\n")
    table = Table("", "production", "smallest program", "ratio (median of rounds)", title=f"{rounds} rounds")
    for field in fields(Round):
        mine = [getattr(each, field.name) for each in ours]
        theirs = [getattr(each, field.name) for each in smallest]
        ratio = statistics.median(m / t for m, t in zip(mine, theirs, strict=True))
        unit = "MB" if field.name == "memory" else "s"
        table.add_row(
            field.name,
            f"{statistics.median(mine):.1f} {unit}",
            f"{statistics.median(theirs):.1f} {unit}",
            write_beside_goal(f"{ratio:.2f}", GOALS.get(field.name)),
        )
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
