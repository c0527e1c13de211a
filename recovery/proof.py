"""Which stores of a stack have a backup that was restored and compared, how long ago, and who is told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from core.objectives import format_duration
from recovery.catalogue import Backup, Verification, is_restorable, read_backups, read_judgements
from recovery.context import RecoveryContext
from recovery.drill.records import ProofsByDrills, last_proven, proofs_by_drills, read_records
from recovery.heartbeat import report_result
from recovery.manifest import BackupManifest
from recovery.manifests import MANIFESTS
from recovery.store import Store

M = TypeVar("M", bound=BackupManifest)

JOB: Final = "proof"
"""The job whose monitors are told."""

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class StoreProof:
    """One store that has a backup: when the newest proven one was last restored and compared."""

    store: Store
    proven_at: datetime | None
    """None: no backup of the store is proven."""

    def find_fault(self, now: datetime, longest: timedelta | None) -> str:
        """Return what is wrong with the proof, which may become `longest` old; empty if nothing is."""
        if self.proven_at is None:
            return f"no backup of the store {self.store} is proven"
        age = now - self.proven_at
        if longest is None or age <= longest:
            return ""
        return (
            f"the last proof of the store {self.store} is {format_duration(age // _MINUTE * _MINUTE)} old, "
            f"and {format_duration(longest)} are allowed"
        )


def find_proof(store: Store, backups: Sequence[Backup[M]], by_drills: ProofsByDrills) -> StoreProof | None:
    """Return the proof of a store, from all its backups; None if none of them can be restored."""
    if not any(is_restorable(backup) for backup in backups):
        return None
    return StoreProof(store, last_proven(backups, by_drills))


def read_proofs(context: RecoveryContext, stores: Collection[Store]) -> list[StoreProof]:
    """
    Return the proof of each of the stores of which the primary vault has a backup that can be restored.

    Raises:
        Failure: the vault does not answer.
    """
    vault, trust = context.primary, context.trust
    by_drills, judgements = proofs_by_drills(read_records(vault, trust)), read_judgements(vault, trust)
    found: list[StoreProof | None] = []
    for kind in MANIFESTS:
        backups = read_backups(vault, kind, trust, store=None, judgements=judgements)
        found += [
            find_proof(store, [one for one in backups if one.store == store], by_drills)
            for store in stores
            if store.kind == kind.KIND
        ]
    return [proof for proof in found if proof]


def report_proof(
    context: RecoveryContext, stores: Collection[Store], stored: Sequence[Verification], now: datetime
) -> list[str]:
    """
    Tell the monitors of the job `proof` whether the backups are proven, and return what is wrong.

    They get a success only if all of `stored` passed, and the proof of every store is as young as it must be.
    Nothing is read where there are no monitors.

    Args:
        context: The stack.
        stores: The stores that must be proven.
        stored: The deep verifications that were put into the vault just now.
        now: The present time.

    Raises:
        Failure: the vault does not answer.
    """
    if not {JOB} & {*context.heartbeat_urls, *context.checkin_urls}:
        return []
    faults = [f"backup {one.backup} is damaged" for one in stored if not one.passed]
    faults += [
        fault
        for proof in read_proofs(context, stores)
        if (fault := proof.find_fault(now, context.find_longest_proof_age(proof.store.name)))
    ]
    report_result(context, JOB, succeeded=not faults)
    return faults
