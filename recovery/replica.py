"""Replication of backups: whether an object is in the replica vault, on its way there or missing."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from core.failure import Failure
from recovery.vault.client import Missing
from recovery.vault.objects import ObjectInfo
from recovery.vault.vault import VaultClient

MAX_REPLICATION_TIME: Final = timedelta(minutes=15)
"""S3 promises to replicate within it (AWS, "S3 Replication Time Control"). A longer delay is a failure."""

ReplicationState = Literal["there", "pending", "overdue", "failed", "missing"]


@dataclass(frozen=True)
class ReplicaStatus:
    """Replication of one version of an object."""

    key: str
    state: ReplicationState
    age: timedelta = timedelta()
    """Time since the version was stored in the primary vault; zero if the replica has it."""

    def __str__(self) -> str:
        minutes = int(self.age.total_seconds() // 60)
        match self.state:
            case "pending" | "overdue":
                promise = f"; S3 promises {MAX_REPLICATION_TIME.seconds // 60}"
                late = promise if self.state == "overdue" else ""
                return f"{self.key} is on its way to the replica for {minutes} min{late}"
            case "failed":
                # The replicator is allowed by the keys' aliases, which count after minutes (new_key.py).
                return (
                    f"{self.key} was not replicated: S3 gave up, and does not try again; if it was stored in "
                    "the first minutes of a new vault, back up again; else look at the replicating role and "
                    "its keys"
                )
            case "missing":
                return f"{self.key} is not in the replica, and not on its way there"
            case _:
                return f"{self.key} is in the replica"


def read_replica_status(
    key: str, version: str, primary: VaultClient, replica: VaultClient
) -> tuple[ReplicaStatus, ObjectInfo | None]:
    """
    Return a version's replication status and, if the replica has it, the replica's metadata.

    Raises:
        Failure: the replica can't be read.
    """
    try:
        return ReplicaStatus(key, "there"), replica.head(key, version)
    except Missing:
        pass
    try:
        original = primary.head(key, version)
    except Missing:
        return ReplicaStatus(key, "missing"), None
    age = datetime.now(UTC) - original.modified
    if original.replication == "PENDING":
        return ReplicaStatus(key, "pending" if age <= MAX_REPLICATION_TIME else "overdue", age), None
    return ReplicaStatus(key, "failed" if original.replication == "FAILED" else "missing", age), None


def compare_replica(
    versions: Iterable[tuple[str, str]], primary: VaultClient, replica: VaultClient
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Compare the replica's copy of each (key, version); return problems and pending objects as phrases."""
    problems: list[str] = []
    pending: list[str] = []
    for key, version in versions:
        try:
            status, copy = read_replica_status(key, version, primary, replica)
            if copy:
                with suppress(Missing):  # an object that the primary lacks is reported for the primary
                    problems += _compare_copy(primary.head(key, version), copy)
            elif status.state == "pending":
                pending.append(str(status))
            else:
                problems.append(str(status))
        except Failure as failure:
            problems.append(f"in the replica: {failure}")
    return tuple(problems), tuple(pending)


def _compare_copy(original: ObjectInfo, copy: ObjectInfo) -> Iterator[str]:
    name = f"the replica's {copy.key}"
    if copy.bytes != original.bytes:
        yield f"{name} has {copy.bytes} bytes; the primary's has {original.bytes}"
    if (copy.crc32, copy.sha256) != (original.crc32, original.sha256):
        yield f"{name} has another checksum than the primary's"
    if original.locked_until and (not copy.locked_until or copy.locked_until < original.locked_until):
        yield f"{name} is locked for less time than the primary's"
    if original.lock_mode == "COMPLIANCE" and copy.lock_mode != "COMPLIANCE":
        yield f"{name} is not locked in mode COMPLIANCE"
