"""What drills show of the backups that they recovered from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from recovery.catalogue import Backup, Verification
from recovery.drill.evidence import Scenario
from recovery.drill.records import Record
from recovery.manifest import BackupManifest

Proofs = Mapping[tuple[str, str], Sequence[Verification]]
"""By the key and the version of a backup's manifest: a drill of one is a look at that very object."""


def proofs(found: Iterable[Record]) -> Proofs:
    """Return what the drills have seen of each backup; a drill that verified nothing has seen nothing."""
    looks: defaultdict[tuple[str, str], list[Verification]] = defaultdict(list)
    for scenario in (one for record in found if record.drill for one in record.drill.scenarios):
        point = scenario.recovery_point
        if point and point.held and (look := _look(scenario, point.id)):
            looks[point.held.key, point.held.version].append(look)
    return looks


def of(seen: Proofs, backup: Backup[BackupManifest]) -> Sequence[Verification]:
    """Return what drills have seen of a backup."""
    return seen.get((backup.found.entry.key, backup.found.entry.version), ())


def _look(scenario: Scenario, backup: str) -> Verification | None:
    """
    Say what was compared and is otherwise.

    A drill that was only too slow says it of the recovery; one whose checks could not run says nothing for
    the backup, nor against it.
    """
    verified = scenario.times.get("verified")
    wrong = tuple(check.fault for check in scenario.checks if check.outcome == "failed")
    unsure = scenario.error or any(check.outcome == "not_run" for check in scenario.checks)
    if not verified or verified.seconds is None or (unsure and not wrong):
        return None
    at = scenario.declared + timedelta(seconds=verified.seconds)
    return Verification(backup=backup, at=at, deep=True, problems=wrong)
