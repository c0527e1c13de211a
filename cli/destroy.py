"""`./bulwark destroy`: takes a stack down, and says what is left of it, why, and until when."""

import heapq
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import pulumi.automation as auto
from rich.table import Table

from cli import deploy
from cli.ending import Ending
from cli.engine_runs import EngineRuns, command_line
from cli.open_stack import open_stack
from cli.options import JsonOption, StackOption, TwinOption
from cli.output import format_day
from cli.stack import ProvidersOption
from core.console import PrintableConsole, plain
from core.failure import Failure
from engine import session
from engine.program import BOTH
from engine.stack_target import StackTarget
from engine.targets import find_target

LOCKED: Final = 10
"""Exit code where all is gone but for what is locked. The engine's own codes are lower."""

_BUCKET: Final = "aws:s3/bucket:Bucket"
_NEWEST: Final = 20
"""Versions of a bucket whose locks are read. Each version gets the same period, so the newest ends last."""


@dataclass(frozen=True)
class LeftBehind:
    """A resource that `destroy` could not delete, and its lock."""

    resource: str
    name: str
    """Its name at the vendor."""

    why: str
    locked_until: datetime | None
    """When the last lock in it ends, as far as it could be read."""

    @property
    def until(self) -> str:
        return format_day(self.locked_until) or "unknown"


def destroy(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    as_json: JsonOption = False,
    yes: bool = False,
) -> int:
    """
    Take down what the stack made; what is locked stays and is listed with its date.

    First goes the platform's stack, then the administrator's. Exit code 10 means that all is gone but for
    locked backups, which the last lines list with the day on which the last lock ends.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Take down what a stack made on the twin.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before destroying a stack at the vendors.

    Returns:
        0 when nothing is left, 10 when all is gone but for what is locked, else the engine's exit code.
    """
    if find_target(stack, on_twin=on_twin).asks_before_changes and not yes:
        deploy.require_consent(stack, to="destroy")
    with open_stack(stack, on_twin=on_twin, providers=providers, runs_program=False) as opened:
        target = opened.target
        runs = EngineRuns(command_line("destroy", target), stack=stack, as_json=as_json)
        for program, engine in zip(BOTH, opened.stacks, strict=True):
            deploy.refuse_protected(engine, program)
        left: list[LeftBehind] = []
        for engine in reversed(opened.stacks):
            _, log = runs.run("Destroy", engine.destroy, continue_on_error=True, parallel=target.parallelism)
            if runs.code:
                left = list(_find_left(target, engine, dict(log.errors)))
                break
        else:
            target.remove_platform()
    verdict = _judge(runs, target, left)
    if as_json:
        document = runs.document(verdict)
        kept = ("stack", "exit_code", "verdict", "changes", "refusals")
        rows = [asdict(row) for row in left]
        text = json.dumps({**{name: document[name] for name in kept}, "left": rows}, indent=2, default=str)
        sys.stdout.write(f"{text}\n")
    else:
        _print_left(left)
    if not as_json or not verdict.passes:
        verdict.write()
    return runs.code


def _judge(runs: EngineRuns, target: StackTarget, left: list[LeftBehind]) -> Ending:
    if not runs.code:
        return Ending(True, f"Nothing is left of {target.name}.")
    if not left or runs.code >= session.SIGNAL_CODE or any(not row.locked_until for row in left):
        return runs.explain_failure()
    runs.code = LOCKED
    at_once = f"; or `./bulwark down`, and remove the twin's folder {target.folder}" if target.folder else ""
    last = max(row.locked_until for row in left if row.locked_until)
    return Ending(
        False,
        f"All of {target.name} is gone but for {len(left)} locked buckets, their keys and roles.",
        f"after {format_day(last)} empty them (S3 console, Empty), then `{runs.command}` again{at_once}.",
    )


def _find_left(target: StackTarget, engine: auto.Stack, errors: dict[str, str]) -> Iterator[LeftBehind]:
    """Yield each resource whose deletion failed."""
    resources = (engine.export_stack().deployment or {}).get("resources", [])
    for resource in resources:
        message = errors.get(resource["urn"])
        if not message or not resource.get("custom"):
            continue
        name = resource["urn"].rsplit("::", 1)[-1]
        outputs = resource.get("outputs", {})
        why, until = message.strip().split("\n", 1)[0], None
        if resource["type"] == _BUCKET and outputs.get("objectLockEnabled"):
            try:
                until = _read_last_lock(target, resource)
                why = "holds locked objects" if until else "is not empty; nothing in it is locked"
            except Failure as failure:
                why = f"is not empty, and its locks can't be read: {failure.cause}"
        yield LeftBehind(name, str(resource.get("id", "")), why, until)


def _read_last_lock(target: StackTarget, bucket: dict[str, Any]) -> datetime | None:
    """
    Return when the last lock in a bucket ends; None if none is in force.

    Raises:
        Failure: the bucket can't be read.
    """
    from cli.stack_recovery import open_vault  # noqa: PLC0415 - botocore takes a second

    provider = str(bucket.get("provider", "")).rsplit("::", 2)[-2]
    region = str(bucket["outputs"].get("region") or bucket["outputs"]["bucketRegion"])
    key = target.owner_credentials(replica=provider.endswith("-replica"))
    vault = open_vault(target, str(bucket["id"]), region, key)
    newest = heapq.nlargest(
        _NEWEST,
        (entry for entry in vault.list_entries("", versions=True) if not entry.is_delete_marker),
        key=attrgetter("modified"),
    )
    ends = [vault.read_object_lock(entry.key, entry.version)[1] for entry in newest]
    return max((end for end in ends if end), default=None)


def _print_left(left: list[LeftBehind]) -> None:
    if not left:
        return
    table = Table("what", "why", "until", title="What is left")
    for row in left:
        table.add_row(f"{plain(row.resource)}\n{plain(row.name)}", plain(row.why), row.until)
    PrintableConsole().print(table)
