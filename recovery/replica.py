"""What of a backup is in the other vault: there and the same, on its way, or missing."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from core.failure import Failure
from recovery.vault.client import Missing
from recovery.vault.objects import ObjectInfo
from recovery.vault.vault import VaultClient

LONGEST: Final = timedelta(minutes=15)
"""S3 replicates within it (AWS, "S3 Replication Time Control"); later it is no delay but a failure."""

Standing = Literal["there", "pending", "overdue", "failed", "missing"]


@dataclass(frozen=True)
class ReplicaStatus:
    """How one version of an object stands with the replica."""

    key: str
    standing: Standing
    age: timedelta = timedelta()
    """Since it was stored in the primary vault; of one that is not there yet."""

    def __str__(self) -> str:
        minutes = int(self.age.total_seconds() // 60)
        match self.standing:
            case "pending" | "overdue":
                late = f"; S3 promises {LONGEST.seconds // 60}" if self.standing == "overdue" else ""
                return f"{self.key} is on its way to the replica for {minutes} min{late}"
            case "failed":
                return f"{self.key} was not replicated: S3 gave up; look at the replicating role and its keys"
            case "missing":
                return f"{self.key} is not in the replica, and not on its way there"
            case _:
                return f"{self.key} is in the replica"


def standing(
    key: str, version: str, primary: VaultClient, replica: VaultClient
) -> tuple[ReplicaStatus, ObjectInfo | None]:
    """
    Say how a version stands with the replica, and what the replica holds of it.

    Raises:
        Failure: where the replica can't be asked.
    """
    try:
        return ReplicaStatus(key, "there"), replica.head(key, version)
    except Missing:
        pass
    try:
        held = primary.head(key, version)
    except Missing:
        return ReplicaStatus(key, "missing"), None
    age = datetime.now(UTC) - held.modified
    if held.replication == "PENDING":
        return ReplicaStatus(key, "pending" if age <= LONGEST else "overdue", age), None
    return ReplicaStatus(key, "failed" if held.replication == "FAILED" else "missing", age), None


def compared(
    versions: Iterable[tuple[str, str]], primary: VaultClient, replica: VaultClient
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (problems, pending) of the replica's copies of each (key, version)."""
    problems: list[str] = []
    pending: list[str] = []
    for key, version in versions:
        try:
            copy, held = standing(key, version, primary, replica)
            if held:
                with suppress(Missing):  # what the primary lacks is said of the primary
                    problems += _differences(primary.head(key, version), held)
            elif copy.standing == "pending":
                pending.append(str(copy))
            else:
                problems.append(str(copy))
        except Failure as failure:
            problems.append(f"in the replica: {failure}")
    return tuple(problems), tuple(pending)


def _differences(original: ObjectInfo, copy: ObjectInfo) -> Iterator[str]:
    name = f"the replica's {copy.key}"
    if copy.bytes != original.bytes:
        yield f"{name} has {copy.bytes} bytes; the primary's has {original.bytes}"
    if (copy.crc32, copy.sha256) != (original.crc32, original.sha256):
        yield f"{name} has another checksum than the primary's"
    if original.locked_until and (not copy.locked_until or copy.locked_until < original.locked_until):
        yield f"{name} is locked for less time than the primary's"
    if original.lock_mode == "COMPLIANCE" and copy.lock_mode != "COMPLIANCE":
        yield f"{name} is not locked in mode COMPLIANCE"
