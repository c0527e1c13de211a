"""
The evidence of drills in a vault: written once, locked, and listed.

A drill also verifies the backup that it restores: `verification_history` has the results by backup.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from core import vault_layout
from core.documents import DocumentError, read_json
from recovery.attestation import IssueToken, Trust, put_attested
from recovery.catalogue import Backup, Proof, Verification
from recovery.drill.evidence import RECOVERS, Drill, Scenario, StackLocation
from recovery.drill.spec import DrillObjectives
from recovery.kept_documents import KeptDocument, read_documents
from recovery.manifest import BackupManifest, StoredObject
from recovery.store import Store, StoreName
from recovery.vault.clock import TOLERANCE
from recovery.vault.objects import ObjectInfo
from recovery.vault.vault import VaultClient

M = TypeVar("M", bound=BackupManifest)

ProofsByDrills = Mapping[tuple[str, str], Sequence[Proof]]
"""Verifications by drills that count, by key and version of the backup's manifest."""


@dataclass(frozen=True)
class DrillRecord:
    """The evidence of one drill; `unreadable` is the reason if it can't be read, else empty."""

    id: str
    drill: Drill | None
    unreadable: str
    doubt: str = ""
    """Why the evidence does not count; empty if it does."""

    stored_at: datetime | None = None
    """When the vault took it."""

    @property
    def proven_at(self) -> datetime | None:
        """When the drill was, at the latest when the vault took its evidence."""
        return min(self.drill.started, self.stored_at) if self.drill and self.stored_at else None

    @property
    def counts(self) -> bool:
        return self.drill is not None and not self.doubt

    def recovers(self, store: Store) -> bool:
        """Whether a scenario of the drill recovers a store, with success or not."""
        return bool(self.drill and any(one.recovered == store for one in self.drill.scenarios))

    @property
    def summary(self) -> str:
        """The drill's id, which begins with its time, and its verdict."""
        return f"{self.id} {self.drill.verdict if self.drill else self.unreadable}"


def hide_secrets(drill: Drill, secrets: Iterable[str]) -> Drill:
    """
    Return the evidence with the given secrets replaced in every text.

    Credentials were hidden by their form when they were entered; a password has no form.
    """
    text = drill.model_dump_json()
    for secret in filter(None, secrets):
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[a secret]")
    return parse(text.encode())


def to_json(drill: Drill) -> bytes:
    """Return the document to store. Equal evidence gives equal bytes."""
    return drill.model_dump_json(indent=2).encode() + b"\n"


def parse(document: bytes) -> Drill:
    """
    Return the drill of a document.

    Raises:
        DocumentError: it is no evidence, or states what differs from the computation.
    """
    return read_json(document, Drill)


def store(vault: VaultClient, drill: Drill, issue_token: IssueToken | None) -> StoredObject:
    """
    Store the evidence of a drill in the vault with its attestation; the writer's role is needed.

    Raises:
        Exists: the vault has evidence of this drill, which is not changed.
        Failure: it can't be stored.
    """
    return put_attested(vault, vault_layout.drill(drill.identity.id), to_json(drill), issue_token)


def read_info(vault: VaultClient, drill_id: str) -> ObjectInfo:
    """
    Return the metadata of a drill's evidence in the vault, such as its lock.

    Raises:
        Failure: there is none, or the request fails.
    """
    return vault.head(vault_layout.drill(drill_id))


def read_records(vault: VaultClient, trust: Trust, *, last: int | None = None) -> list[DrillRecord]:
    """Return the evidence of all drills, or of the `last` ones, the newest first by the vault's time."""
    kept = read_documents(vault, trust, vault_layout.DRILLS, "drill")
    return [_read_record(document) for document in islice(kept, last)]


def newest_passed(
    records: Iterable[DrillRecord],
    stack: str,
    place: StackLocation,
    objectives: Callable[[StoreName], DrillObjectives] | None = None,
) -> dict[Store, DrillRecord]:
    """
    Return, by store, the newest drill that counts and in which every scenario of the store passed.

    With `objectives` of each store, what a scenario measured must meet these, whatever its evidence names.
    """
    last: dict[Store, DrillRecord] = {}
    counted = [record for record in records if record.counts and record.proven_at]
    for record in sorted(counted, key=lambda record: (record.proven_at, record.id)):
        drill = record.drill
        if not drill or (drill.identity.stack, drill.identity.place) != (stack, place) or drill.error:
            continue
        proven = {one.recovered for one in drill.scenarios if one.recovered}
        failed = {
            Store(RECOVERS[one.kind], name)
            for one in drill.scenarios
            if one.kind in RECOVERS
            for name in one.stores
            if one.verdict == "failed" or (objectives and not _meets(one, objectives(name)))
        }
        for recovered in proven - failed:
            last[recovered] = record
    return last


def proofs_by_drills(records: Iterable[DrillRecord]) -> ProofsByDrills:
    """Return the verifications of backups by drills that count."""
    proofs: defaultdict[tuple[str, str], list[Proof]] = defaultdict(list)
    for record in records:
        if not record.counts or not record.drill or not record.stored_at:
            continue
        for scenario in record.drill.scenarios:
            point = scenario.recovery_point
            if point and point.held and (verification := _verification_of(scenario, point.id)):
                proofs[point.held.key, point.held.version].append(Proof(verification, record.stored_at))
    return proofs


def proofs_of(proofs: ProofsByDrills, backup: Backup[M]) -> Sequence[Proof]:
    """Return the verifications of one backup by drills."""
    return proofs.get((backup.listing.entry.key, backup.listing.entry.version), ())


def last_proven(backups: Iterable[Backup[M]], by_drills: ProofsByDrills) -> datetime | None:
    """Return when the newest proven backup was last restored and compared; None if none ever was."""
    for backup in sorted(backups, key=lambda backup: (backup.stored_at, backup.id), reverse=True):
        times = [
            proof.proven_at
            for proof in (*backup.proofs, *proofs_of(by_drills, backup))
            if backup.counts and proof.verification.deep and proof.verification.passed
        ]
        if times:
            return max(times)
    return None


def _meets(scenario: Scenario, objectives: DrillObjectives) -> bool:
    loss = objectives.history_loss if scenario.kind == "corruption" else objectives.vault_loss
    limits = {
        "first_query": objectives.critical,
        "health": objectives.critical,
        "verified": objectives.recovery,
    }
    lost = scenario.loss.seconds
    times = {name: measured.seconds for name, measured in scenario.times.items()}
    return (
        lost is not None
        and lost <= loss
        and all(seconds is not None and seconds <= limits[name] for name, seconds in times.items())
    )


def _verification_of(scenario: Scenario, backup: str) -> Verification | None:
    """
    Return a scenario's verification of the restored backup; None if the scenario proves nothing about it.

    Failed checks are the backup's problems; a missed objective is not. A scenario with an error, or with
    checks that could not run, proves nothing unless another check failed.
    """
    verified = scenario.times.get("verified")
    problems = tuple(check.fault for check in scenario.checks if check.outcome == "failed")
    is_incomplete = scenario.error or any(check.outcome == "not_run" for check in scenario.checks)
    if not verified or verified.seconds is None or (is_incomplete and not problems):
        return None
    at = scenario.declared + timedelta(seconds=verified.seconds)
    return Verification(backup=backup, at=at, deep=True, problems=problems)


def _read_record(kept: KeptDocument) -> DrillRecord:
    if kept.unreadable:
        return DrillRecord(kept.id, None, kept.unreadable)
    try:
        drill = parse(kept.body)
    except DocumentError as error:
        return DrillRecord(kept.id, None, f"can't be read: {error}")
    if drill.identity.id != kept.id:
        return DrillRecord(kept.id, None, "tells of another drill than its name")
    doubt = kept.doubt
    if not doubt and kept.stored_at and drill.finished - kept.stored_at > TOLERANCE:
        doubt = "says that it ended after the vault took it"
    return DrillRecord(kept.id, drill, "", doubt, kept.stored_at)
