"""The readiness reports in a vault: written once, locked, attested by the job that plans, and listed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from core import vault_layout
from core.documents import DocumentError, read_json
from readiness.results import Readiness
from readiness.scoring import judge, mean_score, score_areas
from recovery.attestation import IssueToken, Trust, put_attested
from recovery.kept_documents import KeptDocument, read_documents
from recovery.manifest import StoredObject
from recovery.vault.clock import TOLERANCE
from recovery.vault.vault import VaultClient
from status.health import ReportHealth
from status.stores import read_clock

MOST_READ: Final = 30
"""How many of the newest reports are read."""

_FEW: Final = 10
"""How many are read for the newest one that counts."""

_MOST_SEARCHED: Final = 200
"""How many are read for one that passed; whoever may write to the vault can add any number."""


@dataclass(frozen=True)
class ReportRecord:
    """One report; `unreadable` is the reason if it can't be read, else empty."""

    id: str
    readiness: Readiness | None
    unreadable: str = ""
    doubt: str = ""
    """Why the report does not count; empty if it does."""

    stored_at: datetime | None = None
    """When the vault took it."""

    @property
    def at(self) -> datetime | None:
        """When the platform was looked at, at the latest when the vault took the report."""
        found = self.readiness
        return min(found.looked_at, self.stored_at) if found and self.stored_at else None

    @property
    def counts(self) -> bool:
        return self.readiness is not None and not self.doubt


def to_json(readiness: Readiness) -> bytes:
    """Return the document to store. Equal reports give equal bytes."""
    return readiness.model_dump_json(indent=2).encode() + b"\n"


def parse(document: bytes) -> Readiness:
    """
    Return the report of a document.

    Raises:
        DocumentError: it is none, or states a verdict or a score that its own checks don't show.
    """
    found = read_json(document, Readiness)
    if found.verdict != judge(found.stack, found.option, found.checks)[0]:
        raise DocumentError("it states a verdict that its own checks don't show")
    areas = tuple(score_areas(found.checks))
    shown = [(one.area, one.score, one.passed, one.failed, one.not_looked_at) for one in areas]
    stated = [(one.area, one.score, one.passed, one.failed, one.not_looked_at) for one in found.areas]
    if (shown, mean_score(areas)) != (stated, found.score):
        raise DocumentError("it states a score that its own checks don't show")
    return found


def store(vault: VaultClient, readiness: Readiness, issue_token: IssueToken | None) -> StoredObject:
    """
    Store a report in the vault with its attestation; the writer's role is needed.

    Raises:
        Exists: the vault has this report, which is not changed.
        Failure: it can't be stored.
    """
    return put_attested(vault, vault_layout.readiness(readiness.id), to_json(readiness), issue_token)


def read_records(vault: VaultClient, trust: Trust) -> Iterator[ReportRecord]:
    """Yield the reports, the newest first by the vault's time; each is read on demand. Raises Failure."""
    kept = read_documents(vault, trust, vault_layout.READINESS, "plan")
    return (_read_record(document) for document in kept)


def choose_counted(
    records: Iterable[ReportRecord], stack: str, place: Literal["vendors", "twin"]
) -> list[tuple[datetime, Readiness]]:
    """Return when each report of a stack was made that counts, with the report, the newest first."""
    found = [
        (record.at, record.readiness)
        for record in islice(records, MOST_READ)
        if record.counts and record.readiness and record.at and _is_of(record.readiness, stack, place)
    ]
    return sorted(found, key=lambda found: (found[0], found[1].id), reverse=True)


def describe_newest(
    vault: VaultClient, trust: Trust, place: Literal["vendors", "twin"]
) -> ReportHealth | None:
    """
    Return the newest report of a stack that counts; None if none of the last ones does.

    Raises:
        Failure: the vault can't be read.
    """
    counted = choose_counted(islice(read_records(vault, trust), _FEW), trust.stack, place)
    if not counted:
        return None
    at, newest = counted[0]
    return ReportHealth(
        id=newest.id,
        at=at,
        age_seconds=max(0.0, (read_clock(vault) - at).total_seconds()),
        verdict=newest.verdict,
        score=newest.score,
        failed=tuple(check.id for check in newest.findings),
    )


def find_passed(vault: VaultClient, trust: Trust, place: Literal["vendors", "twin"]) -> datetime | None:
    """
    Return when the stack was found ready last; None if no report that counts says so.

    Raises:
        Failure: the vault can't be read.
    """
    for record in islice(read_records(vault, trust), _MOST_SEARCHED):
        found = record.readiness
        if record.counts and found and found.verdict == "ready" and _is_of(found, trust.stack, place):
            return record.at
    return None


def _is_of(readiness: Readiness, stack: str, place: Literal["vendors", "twin"]) -> bool:
    return (readiness.stack, readiness.place) == (stack, place)


def _read_record(kept: KeptDocument) -> ReportRecord:
    if kept.unreadable:
        return ReportRecord(kept.id, None, kept.unreadable, stored_at=kept.stored_at)
    try:
        found = parse(kept.body)
    except DocumentError as error:
        return ReportRecord(kept.id, None, f"can't be read: {error}", stored_at=kept.stored_at)
    if found.id != kept.id:
        return ReportRecord(kept.id, None, "tells of another report than its name", stored_at=kept.stored_at)
    doubt = kept.doubt
    if not doubt and not found.is_whole:
        doubt = "is of some checks alone"
    if not doubt and kept.stored_at and found.ended_at - kept.stored_at > TOLERANCE:
        doubt = "says that it ended after the vault took it"
    return ReportRecord(kept.id, found, "", doubt, kept.stored_at)
