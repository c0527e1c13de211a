"""What backups there are: every manifest of a vault, and what is known of its verification."""

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
"""Longer than a month; an id is older than the moment that its backup shows by the seconds until then."""


class Verification(ManifestModel):
    """The result of one look at a backup; stored beside it, never over its manifest."""

    schema_version: Literal["bulwark-verification-1"] = "bulwark-verification-1"
    backup: str
    at: AwareDatetime
    deep: bool
    """Whether it was restored and compared, and not only read."""

    problems: tuple[str, ...]
    pending: tuple[str, ...] = ()
    """What is still on its way to the replica, for no longer than it may be."""

    @property
    def good(self) -> bool:
        return not self.problems


def is_proven(looks: Iterable[Verification]) -> Verification | None:
    """Return the last of those looks that went as deep as any."""
    return max(looks, key=lambda look: (look.deep, look.at), default=None)


@dataclass(frozen=True)
class ListedBackup:
    """Where a backup's manifest is."""

    id: str
    tier: Tier | None
    """None of a store that has no tiers."""

    entry: VersionEntry


@dataclass(frozen=True)
class Backup(Generic[M]):
    """One backup; `unreadable` says what is wrong with its manifest, if it can't be read."""

    found: ListedBackup
    manifest: M | None
    unreadable: str
    verifications: tuple[Verification, ...]

    @property
    def id(self) -> str:
        return self.found.id

    @property
    def tier(self) -> Tier | None:
        return self.found.tier

    @property
    def verified(self) -> Verification | None:
        """The last look at it that went as deep as any."""
        return is_proven(self.verifications)


def read_backups(vault: VaultClient, kind: type[M]) -> list[Backup[M]]:
    """Return all backups of one store with what is known of their verification, the newest first."""
    looks = verifications(vault)
    return [
        _opened(vault, kind, found, looks.get(found.id, [])) for found in reversed(list_backups(vault, kind))
    ]


def list_backups(vault: VaultClient, kind: type[BackupManifest]) -> list[ListedBackup]:
    """Return where the manifests of one store are, the oldest first; none of them is read."""
    found: list[ListedBackup] = []
    for entry in vault.listed(kind.PREFIX):
        if match := kind.KEYS.fullmatch(entry.key):
            named = match.groupdict().get("tier")
            tier: Tier | None = next((tier for tier in vault_layout.TIERS if tier == named), None)
            found.append(ListedBackup(match["id"], tier, entry))
    return sorted(found, key=lambda one: one.id)


def choose_backup(found: Iterable[Backup[M]], *, backup: str | None = None, at: datetime | None = None) -> M:
    """
    Return the manifest of a backup: the one named, else the newest, or the newest that shows `at` or earlier.

    Raises:
        Failure: where there is none, or the one that was named can't be read.
    """
    if backup:
        named = next((one for one in found if one.id == backup), None)
        if not named:
            raise Failure(f"There is no backup {backup}.", "./bulwark backups lists all of them.")
        if not named.manifest:
            raise Failure(f"The manifest of backup {backup} {named.unreadable}.", "choose another backup.")
        return named.manifest
    fitting = [
        one.manifest
        for one in found
        if one.manifest and one.manifest.whole and (not at or one.manifest.snapshot_at <= at)
    ]
    if not fitting:
        when = f" from {at:%Y-%m-%d %H:%M:%S} UTC or before" if at else ""
        raise Failure(f"There is no whole backup{when}.", "./bulwark backups lists all of them.")
    return max(fitting, key=lambda manifest: manifest.snapshot_at)


def newest(vault: VaultClient, kind: type[M]) -> M | None:
    """Return the newest manifest of a store that can be read."""
    for found in reversed(list_backups(vault, kind)):
        manifest, _ = _read(vault, kind, found.entry)
        if manifest:
            return manifest
    return None


def tier_for(found: Iterable[Backup[Manifest]], now: datetime) -> Tier:
    """Return the longest tier that has no backup of its period yet: this month, this ISO week, else daily."""
    moments = {
        tier: [one.manifest.snapshot_at for one in found if one.manifest and one.tier == tier]
        for tier in vault_layout.TIERS
    }
    if not any((at.year, at.month) == (now.year, now.month) for at in moments["monthly"]):
        return "monthly"
    covered = moments["monthly"] + moments["weekly"]
    if not any(at.isocalendar()[:2] == now.isocalendar()[:2] for at in covered):
        return "weekly"
    return "daily"


def recent(vault: VaultClient, now: datetime) -> list[Backup[Manifest]]:
    """Return the backups that `tier_for` looks at, this month's and this week's, without verifications."""
    since = vault_layout.new_id(now - _LONGEST_PERIOD)
    return [
        _opened(vault, Manifest, found, []) for found in list_backups(vault, Manifest) if found.id >= since
    ]


def _opened(vault: VaultClient, kind: type[M], found: ListedBackup, looks: list[Verification]) -> Backup[M]:
    manifest, unreadable = _read(vault, kind, found.entry)
    return Backup(found, manifest, unreadable, tuple(looks))


def _read(vault: VaultClient, kind: type[M], entry: VersionEntry) -> tuple[M | None, str]:
    try:
        body = b"".join(vault.read(entry.key, entry.version))
        manifest = kind.model_validate_json(body)
    except ValidationError as error:
        return None, f"can't be read: {error.error_count()} fields are not as they must be"
    if manifest.key != entry.key:
        return None, "names another backup than the one that it lies with"
    return manifest, ""


def verifications(vault: VaultClient) -> dict[str, list[Verification]]:
    """Return every look at a backup, by the backup's id."""
    found: dict[str, list[Verification]] = {}
    for entry in vault.listed(vault_layout.VERIFICATIONS):
        try:
            look = Verification.model_validate(json.loads(b"".join(vault.read(entry.key, entry.version))))
        except ValueError:
            continue  # not ours; a manifest's verdict never rests on it
        found.setdefault(look.backup, []).append(look)
    return found
