"""
Cost of the policies in a preview: with no pack, an empty one, ours, and the base's beside it.

`python bench/policies.py [rounds [sizes...]]` previews copies of production's resources on a provider that
accepts everything at once, so that only the engine and the packs take time: 50, 500 and 1,000 resources. The
empty pack has one policy that refuses nothing: what it costs, Pulumi's engine and SDK cost with any pack. The
base's pack is that of HEAD, as a review of changed policies runs it. It prints medians of wall time and of
the CPU time of all processes, which depends less on other work on the machine, and the pack's start time.
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
from measurement import write_beside_goal
from pulumi import automation
from rich.console import Console
from rich.table import Table

from review import base
from toolchain.engine import search_path

CHECKOUT: Final = Path(__file__).resolve().parents[1]
TESTS: Final = CHECKOUT / "tests" / "policy"
PACK: Final = CHECKOUT / "policies"
LAUNCHER: Final = CHECKOUT / "toolchain" / "bin" / "pulumi-analyzer-policy-python"
SIZES: Final = (50, 500, 1_000)
STACK: Final = "pulumi:pulumi:Stack"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
KIND: Final = "4dabf18193072939515e22adb298388d"
IN_PLACE_OF: Final = {
    "pulumi-python:dynamic/bulwark:ApplicationRole": "neon:index/role:Role",
    "pulumi:providers:pulumi-python": "pulumi:providers:neon",
}
"""Types whose provider is code of the program, with those that are declared in their place."""

EMPTY_PACK: Final = """
from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

nothing = StackValidationPolicy("nothing", "Refuses nothing.", lambda stack, report: None)
PolicyPack("empty", [nothing], enforcement_level=EnforcementLevel.MANDATORY)
"""

GOALS: Final = {500: 1.12, 3_000: 1.1}
"""Resources -> the largest ratio of our pack's wall time to no pack's that is good enough."""

VARIANTS: Final = ("none", "an empty one", "ours", "ours and the base's")
VENDORS: Final = ("aws", "neon", "pagerduty", "railway", "sentry", "uptimerobot", "vercel")


class CpuTime(NamedTuple):
    """Wall seconds and CPU seconds of a preview."""

    wall: float
    cpu: float


def program(count: int) -> None:
    """Declare copies of production's resources until there are `count`."""
    recorded = _sort_by_dependency(json.loads((TESTS / "production.json").read_text()))
    resources: dict[tuple[int, str], pulumi.Resource] = {}
    for number in range(count):
        copy, position = divmod(number, len(recorded))
        resource = recorded[position]
        resources[copy, resource["name"]] = _declare(resource, copy, resources)


def _sort_by_dependency(recorded: list[Any]) -> list[Any]:
    """Return the resources in an order in which each follows its dependencies."""
    waiting = [one for one in recorded if one["type"] != STACK]
    done = {one["name"] for one in recorded if one["type"] == STACK}
    ordered: list[Any] = []
    while waiting:
        ready = [one for one in waiting if _dependencies(one) <= done]
        ordered += ready
        done |= {one["name"] for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return ordered


def _dependencies(resource: Any) -> set[str]:
    sources = [name for names in resource.get("made_from", {}).values() for name in names]
    return {
        name
        for name in (
            *sources,
            *resource.get("depends_on", ()),
            resource.get("parent"),
            resource.get("provider"),
        )
        if name
    }


def _declare(recorded: Any, copy: int, resources: dict[tuple[int, str], Any]) -> pulumi.Resource:
    def other(name: str) -> Any:
        return resources.get((copy, name))

    name = f"{recorded['name']}-{copy}"
    kind = str(IN_PLACE_OF.get(recorded["type"], recorded["type"]))
    options = pulumi.ResourceOptions(
        parent=other(recorded.get("parent", "")),
        provider=other(recorded.get("provider", "")),
        depends_on=[other(name) for name in recorded.get("depends_on", ())],
        protect=recorded.get("options", {}).get("protect"),
    )
    made_from = recorded.get("made_from", {})
    inputs = {
        key: _value(value, copy, [other(name) for name in made_from.get(key, ())])
        for key, value in recorded.get("inputs", {}).items()
    }
    if kind.startswith("pulumi:providers:"):
        inputs.pop("version", None)
        return pulumi.ProviderResource(kind.rpartition(":")[2], name, inputs)
    if recorded.get("provider"):
        return pulumi.CustomResource(kind, name, inputs, options)
    options.depends_on = None
    return pulumi.ComponentResource(kind, name, inputs, options)


def _value(value: Any, copy: int, sources: list[Any]) -> Any:
    """Return an input of a copy: with its own names, and unknown values from their source resources."""
    match value:
        case {"value": hidden} if KIND in value:
            return pulumi.Output.secret(_value(hidden, copy, sources))
        case str() if value == UNKNOWN:
            return sources[0].id if sources else "plain"
        case str() if value.startswith("urn:pulumi:"):
            return sources[0].urn if sources else value
        case str():
            return value.replace("example", f"example{copy}")
        case dict():
            return {key: _value(item, copy, sources) for key, item in cast("dict[str, Any]", value).items()}
        case list():
            return [_value(item, copy, sources) for item in cast("list[Any]", value)]
        case _:
            return value


def measure_previews(folder: Path, count: int, rounds: int) -> list[list[CpuTime]]:
    """Preview in turn without a pack and with each; return the times, without the first round's."""
    os.environ["PATH"] = search_path()  # the Automation API searches for the CLI on this process's PATH alone
    options = automation.LocalWorkspaceOptions(
        pulumi_home=str(folder / "home"),
        project_settings=automation.ProjectSettings(
            "bench", "python", backend=automation.ProjectBackend(f"file://{folder}")
        ),
        env_vars={
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **base.environment_of(folder / "base", folder / "base.json"),
        },
    )
    stack = automation.create_or_select_stack(f"bench{count}", "bench", lambda: program(count), opts=options)
    variants: list[list[str]] = [[], [str(folder / "empty")], [str(PACK)], [str(PACK), str(base.PACK)]]
    measured = [[_measure_preview(stack, packs) for packs in variants] for _ in range(rounds + 1)]
    return [list(times) for times in zip(*measured[1:], strict=True)]


def _measure_preview(stack: automation.Stack, packs: list[str]) -> CpuTime:
    begin, cpu = time.perf_counter(), _cpu_seconds()
    output: list[str] = []
    try:
        stack.preview(policy_packs=packs, on_output=output.append)
    except automation.CommandError:
        # The policies refuse an incomplete last copy; every other error is a failure of this benchmark.
        if "[mandatory]" not in "".join(output):
            sys.stderr.write("\n".join(output[-30:]))
            raise
    return CpuTime(time.perf_counter() - begin, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process, which runs the program, and of its ended children."""
    return sum(os.times()[:4])


def _install_plugins(folder: Path) -> None:
    for vendor in VENDORS:
        plugin = folder / f"home/plugins/resource-{vendor}-v1.0.0/pulumi-resource-{vendor}"
        plugin.parent.mkdir(parents=True)
        command = [sys.executable, str(TESTS / "toy_provider.py")]
        plugin.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        plugin.chmod(0o755)


def _write_empty_pack(folder: Path) -> None:
    folder.mkdir()
    (folder / "__main__.py").write_text(EMPTY_PACK)
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")


def measure_start() -> float:
    """Return the seconds from the start of the pack until it prints its port for the engine."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [LAUNCHER, "127.0.0.1:1", "."],
        cwd=PACK,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout  # noqa: S101 - stdout is a pipe
        process.stdout.readline()
        seconds = time.perf_counter() - begin
        process.kill()
    return seconds


def _median(times: Sequence[CpuTime]) -> CpuTime:
    return CpuTime(*(statistics.median(values) for values in zip(*times, strict=True)))


def _add_rows(table: Table, count: int, medians: Sequence[CpuTime]) -> None:
    """Add a row for each of `VARIANTS`."""
    for variant, median in zip(VARIANTS, medians, strict=True):
        wall, cpu = (one / without for one, without in zip(median, medians[0], strict=True))
        goal = GOALS.get(count) if variant == "ours" else None
        table.add_row(
            *(f"{count}", variant),
            *(f"{median.wall:.2f} s", write_beside_goal(f"{wall:.2f}", goal)),
            *(f"{median.cpu:.2f} s", f"{cpu:.2f}"),
        )


def main(rounds: int, sizes: Sequence[int]) -> None:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start would compile everything
    columns = ("resources", "packs", "wall", "/ without", "CPU", "/ without")
    table = Table(*columns, title=f"Preview, medians of {rounds}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _install_plugins(folder)
        _write_empty_pack(folder / "empty")
        base.extract_pack(CHECKOUT, "HEAD", folder / "base")
        for count in sizes:
            medians = [_median(times) for times in measure_previews(folder, count, rounds)]
            _add_rows(table, count, medians)
    Console().print(table)
    started = statistics.median(measure_start() for _ in range(rounds))
    Console().print(f"The pack starts in {started:.2f} s.")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(given[0] if given else 5, given[1:] or SIZES)
