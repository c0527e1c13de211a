"""A copy of a stack's state, refreshed on a backend that is thrown away; the stack itself stays as it is."""

import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pulumi.automation as auto

from core.failure import Failure
from engine import session
from engine.event_log import EventLog
from engine.rebuilt_stack import FileBackend
from engine.stack_target import StackTarget
from recovery.state import StateExport, list_resources

_SIGNALLED: Final = 128
"""Exit codes above it are a signal's."""


@dataclass(frozen=True)
class RefreshedCopy:
    """The copy, how reality differs from the state, and what could not be read."""

    administrator: auto.Stack
    platform: auto.Stack

    steps: list[dict[str, Any]]
    """Operation, URN, and names of the properties that differ, for each resource that is not as it was."""

    unread: Mapping[str, str]
    """URN -> why its vendor did not tell; the copy has what the state has."""


@contextmanager
def refresh_copy(target: StackTarget, state: StateExport) -> Generator[RefreshedCopy]:
    """
    Import the state into a private folder, and refresh it there.

    The engine stops at the first resource that can't be read. So it goes on without that one, and without all
    of its vendor's if there are more.

    Raises:
        Failure: the state can't be imported, or the engine fails for another reason than a resource.
    """
    with tempfile.TemporaryDirectory(prefix="bulwark-audit-") as name:
        folder = Path(name)
        for file, content in state.files.items():
            (folder / file).write_bytes(content)
        exported = folder / "state.json"
        exported.write_bytes(state.state)
        with FileBackend(target).rebuild(folder, exported) as copy:
            steps: list[dict[str, Any]] = []
            unread: dict[str, str] = {}
            for stack, exported_state in zip(copy.stacks, state.states, strict=True):
                found, missing = _refresh(stack, list_urns(exported_state))
                steps += found
                unread |= missing
            yield RefreshedCopy(copy.stacks[0], copy.platform, steps, unread)


def _refresh(stack: auto.Stack, urns: Iterable[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    by_package: dict[str, list[str]] = {}
    for urn in urns:
        by_package.setdefault(package_of(urn), []).append(urn)
    steps: dict[str, dict[str, Any]] = {}
    unread: dict[str, str] = {}
    failed_before: set[str] = set()
    while True:
        log = EventLog("Refresh", quiet=True, as_json=True)
        code = _refresh_once(stack, log, sorted(unread))
        steps |= {step["urn"]: step for step in log.steps}
        if not code:
            return [step for urn, step in steps.items() if urn not in unread], unread
        if code > _SIGNALLED:
            raise SystemExit(code)
        failed = {urn: package_of(urn) for urn, _ in log.errors if package_of(urn) and urn not in unread}
        if not failed:
            raise Failure(
                f"The engine can't refresh the stack: {log.cause()}", "correct that, and run this again."
            )
        whole = [urn for package in failed_before & set(failed.values()) for urn in by_package[package]]
        failed_before |= set(failed.values())
        unread = dict.fromkeys([*failed, *whole], log.cause()) | unread


def _refresh_once(stack: auto.Stack, log: EventLog, excluded: list[str]) -> int:
    return session.run(
        lambda: stack.refresh(
            exclude=excluded or None,
            clear_pending_creates=True,
            on_output=lambda _: None,
            on_event=log.on_event,
            color="never",
        )
    )[1]


def list_urns(state: bytes) -> list[str]:
    """Return the URNs of what providers manage, in an exported state."""
    return [
        resource["urn"]
        for resource in list_resources(state)
        if resource.get("custom") and not resource["type"].startswith("pulumi:")
    ]


def package_of(urn: str) -> str:
    """Return the package of a resource or of an explicit provider, such as `aws`; empty without one."""
    token = urn.rsplit("::", 2)[-2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""
    package = token.removeprefix("pulumi:providers:").partition(":")[0]
    return "" if package == "pulumi" else package
