"""The catalogue of a vault: its backups, their manifests and their verifications."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Literal, TypeVar

from pydantic import AwareDatetime, ValidationError

from core import vault_layout
from core.failure import Failure
from recovery.manifest import BackupManifest, Manifest, ManifestModel, Tier
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

M = TypeVar("M", bound=BackupManifest)

_LONGEST_PERIOD: Final = timedelta(days=32)
"""Longer than a month, because a backup's id is some seconds older than its snapshot."""


class Verification(ManifestModel):
    """The result of one verification of a backup; a document of its own beside the manifest."""

    schema_version: Literal["bulwark-verification-1"] = "bulwark-verification-1"
    backup: str
    at: AwareDatetime
    deep: bool
    """Whether the backup was restored and compared; otherwise its objects were only read."""

    problems: tuple[str, ...]
    pending: tuple[str, ...] = ()
    """Objects that are still on their way to the replica, within the time that S3 promises."""

    @property
    def passed(self) -> bool:
        return not self.problems


def best_verification(candidates: Iterable[Verification]) -> Verification | None:
    """Return the latest deep verification or, without any, the latest of all."""
    return max(candidates, key=lambda verification: (verification.deep, verification.at), default=None)


@dataclass(frozen=True)
class ListedBackup:
    """A backup whose manifest has not been read."""

    id: str
    tier: Tier | None
    """None: the store has no tiers."""

    entry: VersionEntry
    """The manifest's object."""


@dataclass(frozen=True)
class Backup(Generic[M]):
    """A backup with its manifest and its verifications."""

    listing: ListedBackup
    manifest: M | None
    unreadable: str
    """Why the manifest is None; empty if it is not."""

    verifications: tuple[Verification, ...]

    @property
    def id(self) -> str:
        return self.listing.id

    @property
    def tier(self) -> Tier | None:
        return self.listing.tier

    @property
    def best_verification(self) -> Verification | None:
        """The latest deep verification or, without any, the latest of all."""
        return best_verification(self.verifications)


def read_backups(vault: VaultClient, kind: type[M]) -> list[Backup[M]]:
    """Return all backups of one store with their manifests and verifications, the newest first."""
    verifications = read_verifications(vault)
    return [
        _read_backup(vault, kind, listing, verifications.get(listing.id, []))
        for listing in reversed(list_backups(vault, kind))
    ]


def list_backups(vault: VaultClient, kind: type[BackupManifest]) -> list[ListedBackup]:
    """Return the backups of one store, the oldest first, without reading their manifests."""
    backups: list[ListedBackup] = []
    for entry in vault.list_entries(kind.PREFIX):
        if match := kind.KEYS.fullmatch(entry.key):
            name = match.groupdict().get("tier")
            tier: Tier | None = next((tier for tier in vault_layout.TIERS if tier == name), None)
            backups.append(ListedBackup(match["id"], tier, entry))
    return sorted(backups, key=lambda backup: backup.id)


def choose_backup(
    backups: Iterable[Backup[M]], *, backup_id: str | None = None, at: datetime | None = None
) -> M:
    """
    Return the manifest of the backup `backup_id` or, without an id, of the newest complete one.

    With `at`, only backups whose snapshot is not later count.

    Raises:
        Failure: there is no such backup, or the manifest of `backup_id` can't be read.
    """
    if backup_id:
        backup = next((backup for backup in backups if backup.id == backup_id), None)
        if not backup:
            raise Failure(f"There is no backup {backup_id}.", "./bulwark backups lists all of them.")
        if not backup.manifest:
            raise Failure(
                f"The manifest of backup {backup_id} {backup.unreadable}.", "choose another backup."
            )
        return backup.manifest
    fitting = [
        backup.manifest
        for backup in backups
        if backup.manifest and backup.manifest.is_complete and (not at or backup.manifest.snapshot_at <= at)
    ]
    if not fitting:
        when = f" from {at:%Y-%m-%d %H:%M:%S} UTC or before" if at else ""
        raise Failure(f"There is no whole backup{when}.", "./bulwark backups lists all of them.")
    return max(fitting, key=lambda manifest: manifest.snapshot_at)


def read_newest(vault: VaultClient, kind: type[M]) -> M | None:
    """Return the newest readable manifest of a store, or None."""
    for listing in reversed(list_backups(vault, kind)):
        manifest, _ = _read_manifest(vault, kind, listing.entry)
        if manifest:
            return manifest
    return None


def choose_tier(backups: Iterable[Backup[Manifest]], now: datetime) -> Tier:
    """Return the longest tier without a backup in its current period: month, ISO week, else daily."""
    moments: dict[Tier, list[datetime]] = {tier: [] for tier in vault_layout.TIERS}
    for backup in backups:
        if backup.manifest and backup.tier:
            moments[backup.tier].append(backup.manifest.snapshot_at)
    if not any((at.year, at.month) == (now.year, now.month) for at in moments["monthly"]):
        return "monthly"
    covered = moments["monthly"] + moments["weekly"]
    if not any(at.isocalendar()[:2] == now.isocalendar()[:2] for at in covered):
        return "weekly"
    return "daily"


def read_recent(vault: VaultClient, now: datetime) -> list[Backup[Manifest]]:
    """Return the database's backups of this month and week for `choose_tier`, without verifications."""
    since = vault_layout.new_id(now - _LONGEST_PERIOD)
    return [
        _read_backup(vault, Manifest, listing, [])
        for listing in list_backups(vault, Manifest)
        if listing.id >= since
    ]


def _read_backup(
    vault: VaultClient, kind: type[M], listing: ListedBackup, verifications: Iterable[Verification]
) -> Backup[M]:
    manifest, unreadable = _read_manifest(vault, kind, listing.entry)
    return Backup(listing, manifest, unreadable, tuple(verifications))


def _read_manifest(vault: VaultClient, kind: type[M], entry: VersionEntry) -> tuple[M | None, str]:
    try:
        body = b"".join(vault.read(entry.key, entry.version))
        manifest = kind.model_validate_json(body)
    except ValidationError as error:
        return None, f"can't be read: {error.error_count()} fields are not as they must be"
    if manifest.key != entry.key:
        return None, "names another backup than the one that it lies with"
    return manifest, ""


def read_verifications(vault: VaultClient) -> dict[str, list[Verification]]:
    """Return all verifications by the backup's id."""
    verifications: dict[str, list[Verification]] = {}
    for entry in vault.list_entries(vault_layout.VERIFICATIONS):
        try:
            body = b"".join(vault.read(entry.key, entry.version))
            verification = Verification.model_validate(json.loads(body))
        except ValueError:
            continue  # not written by this program; without it a backup only counts as less verified
        verifications.setdefault(verification.backup, []).append(verification)
    return verifications
