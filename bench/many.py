"""
How commands grow with the platform: 1, 10 and 30 stores with 3, 33 and 103 endpoints.

`python bench/many.py [rounds]` brings each platform up on a fresh twin and then runs `preview`, `review`,
`status` and `backups`, as whole processes; with 0 rounds it only brings them up. A platform is production's
with more services, and with databases on other servers and buckets at other services in turn beside the
database at Neon. It prints medians, and how much time of a command a resource costs between the first two
sizes and between the last two: the same where the time grows linearly. CPU time is that of the command and
the engine with its plugins, without the twin's services.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

from core.state_folder import HOME_VARIABLE
from engine import stack_file
from engine.stack_file import CHECKOUT
from engine.targets import find_twin_target
from engine.twin import TwinTarget
from twin.host.home import TwinHome
from twin.plugin_install import install_stand_ins
from twin.services import start, stop

SIZES: Final = ((1, 0), (10, 6), (30, 20))
"""Stores, and services beside production's own, which have 3 endpoints."""

COMMANDS: Final = {
    "preview": ("preview",),
    "review": ("review", "--base", "none"),
    "status": ("status",),
    "backups": ("backups",),
}
CHECKS: Final = 5
"""Endpoints of a service."""

STACK: Final = "bench"


def describe(stores: int, services: int) -> dict[str, Any]:
    """Return the content of the stack's file."""
    content = stack_file.read("prod")
    blocks: dict[str, Any] = content["config"]
    of_production = blocks["bulwark:stores"]
    job = of_production["files"]["backup"]
    drill = {name: part for name, part in of_production["database"]["drill"].items() if name != "files"}
    elsewhere = (
        {"type": "postgres", "vendor": "railway", "region": "europe-west4", "backup": job},
        {
            "type": "s3",
            "vendor": "cloudflare",
            "endpoint": "https://s3.example.com",
            "region": "auto",
            "buckets": ["documents"],
            "backup": job,
        },
    )
    blocks["bulwark:stores"] = {
        "database": {**of_production["database"], "drill": drill},
        **{f"store{number}": elsewhere[number % 2] for number in range(1, stores)},
    }
    blocks["bulwark:services"] |= {
        f"service{number}": {
            "url": f"https://service{number}.example.com",
            "checks": {f"check{check}": {"path": f"/{check}", "severity": "sev2"} for check in range(CHECKS)},
            "errors": {"platform": "other", "events_per_minute": 60, "paths": ["**"]},
        }
        for number in range(services)
    }
    return content


def secrets(stores: int) -> dict[str, str]:
    """Return the secrets of the stores that the stack does not declare."""
    return {
        f"BULWARK_STORE{number}_{secret}": value
        for number in range(stores)
        for secret, value in (
            ("URL", "postgresql://backup:secret@db.example.com/app"),
            ("ACCESS_KEY_ID", "key"),
            ("SECRET_ACCESS_KEY", "secret"),
        )
    }


def run(stores: int, services: int, rounds: int) -> tuple[int, dict[str, float]]:
    """Return the number of resources, and the median seconds of each command."""
    (CHECKOUT / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(describe(stores, services)))
    settings = find_twin_target(STACK).settings
    with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as folder:
        Path(folder).chmod(0o711)
        home = TwinHome(Path(folder) / "twin")
        home.create()
        install_stand_ins(home.pulumi)
        target = TwinTarget(STACK, settings, "stand-in", home)
        start(home, target.services())
        try:
            environment = {**os.environ, **secrets(stores), HOME_VARIABLE: str(home.root)}
            up, cpu = call(("up",), environment)
            seconds = {"up": [up], "up, CPU": [cpu]}
            for _ in range(rounds):
                for name, command in COMMANDS.items():
                    seconds.setdefault(name, []).append(call(command, environment)[0])
            resources = sum(
                len(target.read_checkpoint(project=project)["resources"])
                for project in ("bulwark-administrator", "bulwark")
            )
        finally:
            stop(home, target.services())
    return resources, {name: statistics.median(each) for name, each in seconds.items()}


def call(command: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command of Bulwark and return its seconds of wall and CPU time; exit if the engine fails."""
    begin, before = time.perf_counter(), child_cpu_seconds()
    ended = subprocess.run(
        [str(CHECKOUT / "bulwark"), *command, "--stack", STACK, "--twin"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin, child_cpu_seconds() - before
    # `status` and `review` judge: 1 and 3 are verdicts.
    if ended.returncode and command[0] not in {"status", "review"}:
        sys.exit(f"{ended.stdout[-3_000:]}\n{ended.stderr[-3_000:]}")
    return seconds


def child_cpu_seconds() -> float:
    """Return the CPU seconds of all child processes that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(rounds: int) -> None:
    try:
        measured = [run(*size, rounds) for size in SIZES]
    finally:
        (CHECKOUT / f"Pulumi.{STACK}.yaml").unlink(missing_ok=True)
    titles = [
        f"stores: {stores}, endpoints: {3 + services * CHECKS}, resources: {resources:,}"
        for (stores, services), (resources, _) in zip(SIZES, measured, strict=True)
    ]
    table = Table("", *titles, "ms per resource, first and second step", title=f"{rounds} rounds")
    for name in measured[0][1]:
        seconds = [of_size[name] for _, of_size in measured]
        steps = [
            (after[1][name] - before[1][name]) / (after[0] - before[0]) * 1_000
            for before, after in pairwise(measured)
        ]
        table.add_row(name, *(f"{one:.1f} s" for one in seconds), f"{steps[0]:.1f}, {steps[1]:.1f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
