"""Reviewed exceptions that end: waivers of policies, and entries for what is not declared."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeVar

from core.failure import Failure
from core.text import printable
from live.reviewed_entries import UndeclaredEntry
from policies.framework import configuration
from policies.framework.drill_history import IS_READY, IS_RECENT, LONGEST_DAYS, LONGEST_UNREADY_DAYS
from policies.framework.waiver_entry import ReviewedException, Waiver, parse_entries, parse_entry
from status.health import Deadline

SOON: Final = timedelta(days=14)
"""So long before its end an exception is told."""

REPORT_AGE: Final = timedelta(days=2)
"""How old the last readiness report may be: `drift.yml` keeps one every night, and one may fail."""

_Entry = TypeVar("_Entry", bound=ReviewedException)


def read_deadlines(policies: Path, stack: str) -> tuple[Deadline, ...]:
    """
    Return the exceptions of a stack, the first to end first.

    Args:
        policies: The folder with the two files.
        stack: The stack's name.

    Raises:
        Failure: one of the files can't be read, or has an entry that is none.
    """
    found = [
        *(
            Deadline(
                what=printable(f"{entry.rule} for {entry.resource.rsplit('::', 1)[-1]}"),
                ends_on=entry.expires,
                kind="waiver",
            )
            for entry in _read(policies / "waivers.yaml", Waiver)
            if entry.resource.startswith(f"urn:pulumi:{stack}::")
        ),
        *(
            Deadline(what=printable(entry.thing), ends_on=entry.expires, kind="undeclared")
            for entry in _read(policies / "undeclared.yaml", UndeclaredEntry)
            if entry.stack == stack
        ),
    ]
    return tuple(sorted(found, key=lambda deadline: (deadline.ends_on, deadline.what)))


def read_longest_drill_age(policies: Path, stack: str) -> timedelta:
    """Return how long after the last passed drill the policies let a stack be deployed. Raises Failure."""
    return _read_days(policies, stack, IS_RECENT, LONGEST_DAYS)


def read_longest_unready(policies: Path, stack: str) -> timedelta:
    """Return how long after it was found ready the policies let a stack be deployed. Raises Failure."""
    return _read_days(policies, stack, IS_READY, LONGEST_UNREADY_DAYS)


def _read_days(policies: Path, stack: str, rule: str, default: int) -> timedelta:
    """
    Return the parameter `maximum_days` of a rule.

    Raises:
        Failure: the stack's configuration of the policies can't be read.
    """
    try:
        configured = configuration.read(stack, policies / "config")
    except configuration.ConfigurationError as error:
        raise Failure(f"policies/config: {error}.", "correct it.") from error
    return timedelta(days=configured.get(rule, {}).get("maximum_days", default))


def ends_soon(deadline: Deadline, today: date) -> bool:
    return deadline.ends_on - today <= SOON


def _read(path: Path, kind: type[_Entry]) -> list[_Entry]:
    entries = parse_entries(path.read_bytes() if path.exists() else b"")
    read = [parse_entry(entry, kind)[0] for entry in entries or ()]
    found = [entry for entry in read if entry]
    if entries is None or len(found) < len(read):
        raise Failure(
            f"policies/{path.name} has an entry that can't be read.",
            "see what `./bulwark review` says of it.",
        )
    return found
