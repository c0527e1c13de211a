"""
The catalogue of a vault: its backups, their manifests, their verifications, and which of them count.

What a document states of itself is compared with the vault's own times, and with its attestation. A backup
that contradicts them, has no attestation or was disowned is listed with the reason, and used only when it is
named by its id.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, Generic, Literal, TypeVar

from core import vault_layout
from core.documents import DocumentError, read_json
from core.failure import Failure
from core.moment import Moment
from recovery.attestation import OTHER_DOCUMENT, AttestingJob, Trust, pair_with_attestations, read_token
from recovery.manifest import BackupManifest, Manifest, ManifestModel, Sha256, Tier
from recovery.store import STATE, Store, StoreName
from recovery.vault.clock import TOLERANCE
from recovery.vault.documents import read_body
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

M = TypeVar("M", bound=BackupManifest)
D = TypeVar("D", bound=ManifestModel)

_STORING_TIME: Final = timedelta(hours=1)
"""How long after the end of a backup the vault may have taken its manifest."""

_LONGEST_PERIOD: Final = timedelta(days=32)
"""Longer than a month, the longest period of a tier."""

_MAX_DOCUMENT_BYTES: Final = 64 << 20
"""Largest document that is read: the manifest of a database with some 100,000 tables."""

_READERS: Final = 8
"""Documents that are read from the vault at the same time."""


class Verification(ManifestModel):
    """The result of one verification of a backup; a document of its own beside the manifest."""

    schema_version: Literal["bulwark-verification-1"] = "bulwark-verification-1"
    backup: str
    manifest_sha256: Sha256 | None = None
    """SHA-256 of the manifest that was verified; None in a document of an earlier version."""

    at: Moment
    deep: bool
    """Whether the backup was restored and compared; otherwise its objects were only read."""

    problems: tuple[str, ...]
    pending: tuple[str, ...] = ()
    """Objects that are still on their way to the replica, within the time that S3 promises."""

    unproven: tuple[str, ...] = ()
    """What the machine that verified could not restore, such as objects that only a superuser can create."""

    @property
    def passed(self) -> bool:
        return not self.problems


class Disownment(ManifestModel):
    """A document that marks a backup as not to be used."""

    schema_version: Literal["bulwark-disownment-1"] = "bulwark-disownment-1"
    backup: str
    manifest_sha256: Sha256
    at: Moment
    reason: str


@dataclass(frozen=True)
class Proof:
    """A verification that counts, with the time at which the vault took it."""

    verification: Verification
    stored_at: datetime

    @property
    def proven_at(self) -> datetime:
        """When the backup was verified; a document can make itself older than the vault says, not younger."""
        return min(self.verification.at, self.stored_at)


def choose_best_proof(candidates: Iterable[Proof]) -> Proof | None:
    """Return the latest deep verification or, without any, the latest of all, by the vault's times."""
    return max(candidates, key=lambda proof: (proof.verification.deep, proof.proven_at), default=None)


@dataclass(frozen=True)
class ListedBackup:
    """A backup whose manifest has not been read."""

    id: str
    store: Store
    tier: Tier | None
    """None: the store has no tiers."""

    entry: VersionEntry
    """The manifest's object. Its time is the vault's."""

    attestation: VersionEntry | None
    """The object with the manifest's attestation; None if there is none."""


@dataclass(frozen=True)
class Backup(Generic[M]):
    """A backup with its manifest and the verifications of it that count."""

    listing: ListedBackup
    manifest: M | None
    manifest_sha256: Sha256
    """Of the manifest's bytes; empty if they were not read."""

    unreadable: str
    """Why the manifest is None; empty if it is not."""

    doubts: tuple[str, ...] = ()
    """Why the backup is used only when it is named by its id."""

    proofs: tuple[Proof, ...] = ()

    @property
    def id(self) -> str:
        return self.listing.id

    @property
    def store(self) -> Store:
        return self.listing.store

    @property
    def tier(self) -> Tier | None:
        return self.listing.tier

    @property
    def stored_at(self) -> datetime:
        """When the vault took the manifest, which completed the backup."""
        return self.listing.entry.modified

    @property
    def counts(self) -> bool:
        """Whether the backup is one of the stack's, for all that the vault shows."""
        return self.manifest is not None and not self.doubts

    @property
    def is_damaged(self) -> bool:
        """Whether the stack's own job wrote the manifest, and it can't be read any more."""
        return bool(self.unreadable) and self.doubts in ((), (OTHER_DOCUMENT,))

    @property
    def best_proof(self) -> Proof | None:
        return choose_best_proof(self.proofs)


@dataclass(frozen=True)
class Judgements:
    """What was found out about backups: the documents beside them."""

    proofs: Mapping[str, Sequence[Proof]]
    """By the backup's id."""

    disownments: Mapping[str, Sequence[Disownment]]
    """By the backup's id."""

    ignored: tuple[tuple[str, str], ...] = ()
    """Key of each document that does not count, and why."""


_NONE: Final = Judgements({}, {})


def read_judgements(vault: VaultClient, trust: Trust) -> Judgements:
    """Return the verifications and the disownments in a vault. Raise Failure if the vault can't be read."""
    proofs: defaultdict[str, list[Proof]] = defaultdict(list)
    ignored: list[tuple[str, str]] = []
    for verification in _read_documents(vault, vault_layout.VERIFICATIONS, Verification, trust):
        if verification.content and not verification.fault:
            proof = Proof(verification.content, verification.entry.modified)
            proofs[verification.content.backup].append(proof)
        else:
            ignored.append((verification.entry.key, verification.fault))
    disownments = _read_disownments(vault, trust, ignored)
    return Judgements(proofs, disownments, tuple(ignored))


def _read_disownments(
    vault: VaultClient, trust: Trust, ignored: list[tuple[str, str]]
) -> Mapping[str, Sequence[Disownment]]:
    """Return the disownments that count, by the backup's id; append those that don't to `ignored`."""
    disownments: defaultdict[str, list[Disownment]] = defaultdict(list)
    for disownment in _read_documents(vault, vault_layout.DISOWNMENTS, Disownment, trust):
        if disownment.content and not disownment.fault:
            disownments[disownment.content.backup].append(disownment.content)
        else:
            ignored.append((disownment.entry.key, disownment.fault))
    return disownments


def read_backups(
    vault: VaultClient,
    kind: type[M],
    trust: Trust,
    *,
    store: StoreName | None,
    judgements: Judgements | None = None,
) -> list[Backup[M]]:
    """
    Return all backups of one kind with their manifests and proofs, the newest first by the vault's time.

    Args:
        vault: The vault to read.
        kind: The store's type of manifest.
        trust: Whose attestations count.
        store: Name of the store; None for all stores of the kind.
        judgements: Those of this vault, for a caller that reads several stores.
    """
    judgements = judgements or read_judgements(vault, trust)
    with ThreadPoolExecutor(_READERS, "catalogue") as pool:
        backups = pool.map(
            lambda listing: _read_backup(vault, kind, trust, listing, judgements),
            list_backups(vault, kind, store=store),
        )
        return sorted(backups, key=_age_key, reverse=True)


def list_backups(
    vault: VaultClient, kind: type[BackupManifest], *, store: StoreName | None
) -> list[ListedBackup]:
    """Return the backups of a store, the oldest first, without reading their manifests; None: of all."""
    backups: list[ListedBackup] = []
    entries = chain.from_iterable(map(vault.list_originals, kind.list_prefixes(store)))
    for entry, attestation in pair_with_attestations(entries):
        if match := kind.KEYS.fullmatch(entry.key):
            groups = match.groupdict()
            name = groups.get("store", STATE.name)
            if store in {None, name}:
                tier: Tier | None = next(
                    (tier for tier in vault_layout.TIERS if tier == groups.get("tier")), None
                )
                backups.append(ListedBackup(match["id"], Store(kind.KIND, name), tier, entry, attestation))
    return sorted(backups, key=lambda backup: (backup.entry.modified, backup.id))


def choose_backup(
    backups: Iterable[Backup[M]], *, backup_id: str | None = None, at: datetime | None = None
) -> M:
    """
    Return the manifest of the backup `backup_id` or, without an id, of the newest complete one that counts.

    With `at`, only backups whose snapshot is not later are considered.

    Raises:
        Failure: there is no such backup, or the manifest of `backup_id` can't be read.
    """
    if backup_id:
        backup = find_backup(backups, backup_id)
        if not backup:
            raise Failure(f"There is no backup {backup_id}.", "./bulwark backups lists all of them.")
        if not backup.manifest:
            raise Failure(
                f"The manifest of backup {backup_id} {backup.unreadable}.", "choose another backup."
            )
        return backup.manifest
    known = list(backups)
    fitting = [
        (backup, backup.manifest) for backup in known if backup.manifest and is_restorable(backup, at=at)
    ]
    if not fitting:
        when = f" from {at:%Y-%m-%d %H:%M:%S} UTC or before" if at else ""
        doubted = sum(1 for backup in known if backup.doubts)
        but = f" {doubted} do not count; see why." if doubted else ""
        raise Failure(
            f"There is no whole backup{when}.{but}",
            "./bulwark backups lists all of them; one is restored by its id with --backup.",
        )
    return max(fitting, key=lambda pair: _age_key(pair[0]))[1]


def find_backup(backups: Iterable[Backup[M]], backup_id: str) -> Backup[M] | None:
    """
    Return the backup of an id; None if there is none.

    Of several under one id it is the one that counts, or the first: the others were planted later.
    """
    found = [backup for backup in backups if backup.id == backup_id]
    return min(found, key=lambda backup: (not backup.counts, backup.stored_at), default=None)


def is_restorable(backup: Backup[M], *, at: datetime | None = None) -> bool:
    """Whether a backup counts, is complete, and shows the moment `at` or an earlier one."""
    manifest = backup.manifest
    return bool(
        manifest and backup.counts and manifest.is_complete and (not at or manifest.snapshot_at <= at)
    )


def read_newest(vault: VaultClient, kind: type[M], trust: Trust, store: StoreName) -> Backup[M] | None:
    """Return the newest backup of a store that counts, without its proofs; None if there is none."""
    # Not the verifications: there is one for each backup of a year, and each backup of the files comes here.
    judgements = Judgements({}, _read_disownments(vault, trust, []))
    for listing in reversed(list_backups(vault, kind, store=store)):
        backup = _read_backup(vault, kind, trust, listing, judgements)
        if backup.counts:
            return backup
    return None


def choose_tier(backups: Iterable[Backup[Manifest]], now: datetime) -> Tier:
    """
    Return the longest tier without a backup of the store in its current period: month, ISO week, else daily.

    Only backups that count are considered, each at the vault's time; `now` is the vault's as well.
    """
    moments: dict[Tier, list[datetime]] = {tier: [] for tier in vault_layout.TIERS}
    for backup in backups:
        if backup.counts and backup.tier:
            moments[backup.tier].append(backup.stored_at)
    if not any((at.year, at.month) == (now.year, now.month) for at in moments["monthly"]):
        return "monthly"
    covered = moments["monthly"] + moments["weekly"]
    if not any(at.isocalendar()[:2] == now.isocalendar()[:2] for at in covered):
        return "weekly"
    return "daily"


def read_recent(vault: VaultClient, now: datetime, trust: Trust, store: StoreName) -> list[Backup[Manifest]]:
    """Return a database's backups of this month and week for `choose_tier`, without proofs."""
    listings = [
        listing
        for listing in list_backups(vault, Manifest, store=store)
        if listing.entry.modified >= now - _LONGEST_PERIOD
    ]
    with ThreadPoolExecutor(_READERS, "catalogue") as pool:
        return list(pool.map(lambda listing: _read_backup(vault, Manifest, trust, listing, _NONE), listings))


@dataclass(frozen=True)
class _StoredDocument(Generic[D]):
    """A document of the vault beside the backups, and whether it counts."""

    entry: VersionEntry
    content: D | None
    fault: str
    """Why it does not count; empty if it does."""


def _read_documents(
    vault: VaultClient, prefix: str, kind: type[D], trust: Trust, *, job: AttestingJob = "restore"
) -> Iterator[_StoredDocument[D]]:
    """Yield all documents of one kind, in the order of their keys. What can't be read has a fault."""

    def read(pair: tuple[VersionEntry, VersionEntry | None]) -> _StoredDocument[D]:
        entry, attestation = pair
        body, fault = read_attested(vault, entry, attestation, trust, job)
        try:
            content = read_json(body, kind, max_bytes=_MAX_DOCUMENT_BYTES)
        except DocumentError as error:
            return _StoredDocument(entry, None, f"can't be read: {error}")
        at = getattr(content, "at", None)
        if not fault and isinstance(at, datetime) and at - entry.modified > TOLERANCE:
            fault = f"says that it is of {at:%Y-%m-%d %H:%M:%S} UTC, after the vault took it"
        return _StoredDocument(entry, content, fault)

    pairs = pair_with_attestations(vault.list_entries(prefix))
    with ThreadPoolExecutor(_READERS, "documents") as pool:
        yield from pool.map(read, pairs)


def read_attested(
    vault: VaultClient,
    entry: VersionEntry,
    attestation: VersionEntry | None,
    trust: Trust,
    job: AttestingJob,
) -> tuple[bytes, str]:
    """
    Return the bytes of a document, and why it is not attested by the job, empty if it is.

    Raises:
        Failure: the vault can't be read.
    """
    try:
        body = read_body(vault, entry, max_bytes=_MAX_DOCUMENT_BYTES)
    except DocumentError as error:
        return b"", f"can't be read: {error}"
    return body, trust.find_fault(vault, body, read_token(vault, attestation), job)


def _read_backup(
    vault: VaultClient, kind: type[M], trust: Trust, listing: ListedBackup, judgements: Judgements
) -> Backup[M]:
    body, fault = read_attested(vault, listing.entry, listing.attestation, trust, kind.ATTESTED_BY)
    sha256 = hashlib.sha256(body).hexdigest()
    doubts = (fault,) if fault else ()
    try:
        manifest = read_json(body, kind, max_bytes=_MAX_DOCUMENT_BYTES)
    except DocumentError as error:
        return Backup(listing, None, sha256, f"can't be read: {error}", doubts)
    if manifest.key != listing.entry.key or not vault_layout.is_id(listing.id):
        # A copy of a genuine manifest has a genuine attestation, and is no damaged backup.
        unreadable = "names another backup than the one that it lies with"
        return Backup(listing, None, sha256, unreadable, (fault or unreadable,))
    disowned = [
        f"was disowned: {disownment.reason}"
        for disownment in judgements.disownments.get(listing.id, ())
        if disownment.manifest_sha256 == sha256
    ]
    contradictions = _find_contradictions(manifest, listing.entry.modified, trust)
    return Backup(
        listing,
        manifest,
        sha256,
        "",
        doubts=tuple(filter(None, (fault, *contradictions, *disowned))),
        proofs=tuple(
            proof
            for proof in judgements.proofs.get(listing.id, ())
            if proof.verification.manifest_sha256 == sha256
        ),
    )


def _find_contradictions(manifest: BackupManifest, stored_at: datetime, trust: Trust) -> Iterator[str]:
    """Yield what a manifest states of itself that the vault's time, its id or the stack contradicts."""
    if not manifest.id.startswith(f"{manifest.started.astimezone(UTC):%Y%m%dT%H%M%SZ}"):
        yield f"says that it began at {_format(manifest.started)}, which its id contradicts"
    # By differences: the sum of a late time and a tolerance can be out of Python's range.
    if manifest.started > manifest.finished or manifest.snapshot_at - manifest.finished > TOLERANCE:
        yield "says that it ended before it began, or before the moment that it shows"
    late = stored_at - manifest.finished
    if late < -TOLERANCE or late > _STORING_TIME:
        yield (
            f"says that it ended at {_format(manifest.finished)}, and the vault took it at "
            f"{_format(stored_at)}"
        )
    if manifest.stack != trust.stack:
        yield f"is of the stack {manifest.stack}, and this is {trust.stack}"


def _age_key(backup: Backup[M]) -> tuple[datetime, datetime, str]:
    """Order backups by the vault's time; two of one second by the moment that they show, then by id."""
    shown = backup.manifest.snapshot_at if backup.manifest else datetime.min.replace(tzinfo=UTC)
    return backup.stored_at, shown, backup.id


def _format(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
