"""
What the policies cost a preview: with and without the pack, for 50, 500 and 1,000 resources.

`python bench/policies.py [rounds [sizes...]]` previews production's resources, as often as it takes, on a
provider that takes everything at once, so that the engine and the pack are all that there is to time. It
prints medians and their ratios, also of the CPU time of all processes, which other work on the machine
changes less; and how long the pack takes to start.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pulumi
from pulumi import automation
from rich.console import Console
from rich.table import Table

from toolchain.engine import search_path

CHECKOUT: Final = Path(__file__).resolve().parents[1]
TESTS: Final = CHECKOUT / "tests" / "policy"
PACK: Final = CHECKOUT / "policies"
SIZES: Final = (50, 500, 1_000)
STACK: Final = "pulumi:pulumi:Stack"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
KIND: Final = "4dabf18193072939515e22adb298388d"
VENDORS: Final = ("aws", "neon", "sentry", "uptimerobot")


class Spent(NamedTuple):
    """What a preview took, in seconds: on the clock, and of CPU."""

    wall: float
    cpu: float


def program(count: int) -> None:
    """Declare production's resources again and again, until there are enough."""
    recorded = _ordered(json.loads((TESTS / "production.json").read_text()))
    made: dict[tuple[int, str], pulumi.Resource] = {}
    for number in range(count):
        copy, position = divmod(number, len(recorded))
        one = recorded[position]
        made[copy, one["name"]] = _declared(one, copy, made)


def _ordered(recorded: list[Any]) -> list[Any]:
    """Return the resources, each after those that it needs."""
    left = [one for one in recorded if one["type"] != STACK]
    done = {one["name"] for one in recorded if one["type"] == STACK}
    found: list[Any] = []
    while left:
        ready = [one for one in left if _needs(one) <= done]
        found += ready
        done |= {one["name"] for one in ready}
        left = [one for one in left if one not in ready]
    return found


def _needs(one: Any) -> set[str]:
    behind = [name for names in one.get("made_from", {}).values() for name in names]
    return {
        name for name in (*behind, *one.get("depends_on", ()), one.get("parent"), one.get("provider")) if name
    }


def _declared(one: Any, copy: int, made: dict[tuple[int, str], Any]) -> pulumi.Resource:
    def other(name: str) -> Any:
        return made.get((copy, name))

    name, kind = f"{one['name']}-{copy}", one["type"]
    options = pulumi.ResourceOptions(
        parent=other(one.get("parent", "")),
        provider=other(one.get("provider", "")),
        depends_on=[other(name) for name in one.get("depends_on", ())],
        protect=one.get("options", {}).get("protect"),
    )
    made_from = one.get("made_from", {})
    inputs = {
        key: _value(value, copy, [other(name) for name in made_from.get(key, ())])
        for key, value in one["inputs"].items()
    }
    if kind.startswith("pulumi:providers:"):
        inputs.pop("version", None)
        return pulumi.ProviderResource(kind.rpartition(":")[2], name, inputs)
    if one.get("provider"):
        return pulumi.CustomResource(kind, name, inputs, options)
    options.depends_on = None
    return pulumi.ComponentResource(kind, name, inputs, options)


def _value(value: Any, copy: int, behind: list[Any]) -> Any:
    """Give each copy names of its own, and what is unknown from the resources that it is made from."""
    match value:
        case {"value": hidden} if KIND in value:
            return pulumi.Output.secret(_value(hidden, copy, behind))
        case str() if value == UNKNOWN:
            return behind[0].id if behind else "plain"
        case str() if value.startswith("urn:pulumi:"):
            return behind[0].urn if behind else value
        case str():
            return value.replace("example", f"example{copy}")
        case dict():
            return {key: _value(item, copy, behind) for key, item in cast("dict[str, Any]", value).items()}
        case list():
            return [_value(item, copy, behind) for item in cast("list[Any]", value)]
        case _:
            return value


def previews(folder: Path, count: int, rounds: int) -> tuple[list[Spent], list[Spent]]:
    """Return what each preview took without and with the pack, in turn; the first pair is left out."""
    os.environ["PATH"] = search_path()  # the Automation API looks for the CLI there, whatever it is given
    options = automation.LocalWorkspaceOptions(
        pulumi_home=str(folder / "home"),
        project_settings=automation.ProjectSettings(
            "bench", "python", backend=automation.ProjectBackend(f"file://{folder}")
        ),
        env_vars={"PULUMI_CONFIG_PASSPHRASE": "bench", "PULUMI_SKIP_UPDATE_CHECK": "true"},
    )
    stack = automation.create_or_select_stack(f"bench{count}", "bench", lambda: program(count), opts=options)
    without: list[Spent] = []
    with_pack: list[Spent] = []
    for _ in range(rounds + 1):
        without.append(_spent(stack, []))
        with_pack.append(_spent(stack, [str(PACK)]))
    return without[1:], with_pack[1:]


def _spent(stack: automation.Stack, packs: list[str]) -> Spent:
    begin, cpu = time.perf_counter(), _cpu_seconds()
    said: list[str] = []
    try:
        stack.preview(policy_packs=packs, on_output=said.append)
    except automation.CommandError:
        # A last copy that is not whole is refused; anything else is a failure of this benchmark.
        if "[mandatory]" not in "".join(said):
            sys.stderr.write("\n".join(said[-30:]))
            raise
    return Spent(time.perf_counter() - begin, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """Return the CPU time of this process, which runs the program, and of all that it waited for."""
    return sum(os.times()[:4])


def _plugins(folder: Path) -> None:
    for vendor in VENDORS:
        plugin = folder / f"home/plugins/resource-{vendor}-v1.0.0/pulumi-resource-{vendor}"
        plugin.parent.mkdir(parents=True)
        command = [sys.executable, str(TESTS / "toy_provider.py")]
        plugin.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        plugin.chmod(0o755)


def start_seconds() -> float:
    """Return how long the pack takes from its start until it tells the engine its port."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."],
        cwd=PACK,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout  # noqa: S101 - as asked for
        process.stdout.readline()
        seconds = time.perf_counter() - begin
        process.kill()
    return seconds


def _median(found: Sequence[Spent]) -> Spent:
    return Spent(*(statistics.median(values) for values in zip(*found, strict=True)))


def _compared(without: float, with_pack: float) -> tuple[str, str, str]:
    return f"{without:.2f} s", f"{with_pack:.2f} s", f"{with_pack / without:.2f}"


def main(rounds: int, sizes: Sequence[int]) -> None:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody would compile everything at every start
    columns = ("resources", "without", "with the pack", "ratio", "CPU without", "with", "ratio")
    table = Table(*columns, title=f"Preview, medians of {rounds}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _plugins(folder)
        for count in sizes:
            without, with_pack = map(_median, previews(folder, count, rounds))
            cells = [*_compared(without.wall, with_pack.wall), *_compared(without.cpu, with_pack.cpu)]
            table.add_row(f"{count}", *cells)
    Console().print(table)
    started = statistics.median(start_seconds() for _ in range(rounds))
    Console().print(f"The pack starts in {started:.2f} s.")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(given[0] if given else 5, given[1:] or SIZES)
