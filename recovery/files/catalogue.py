"""What backups of the files there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from recovery.catalogue import Verification, proven, verifications
from recovery.files import places
from recovery.files.manifest import FilesManifest
from recovery.vault.listing import Entry
from recovery.vault.vault import Vault
from toolchain.failure import Failure


@dataclass(frozen=True)
class FilesBackup:
    """One backup of the files; `unreadable` says what is wrong with its manifest, if it can't be read."""

    id: str
    manifest: FilesManifest | None
    unreadable: str
    verifications: tuple[Verification, ...]

    @property
    def verified(self) -> Verification | None:
        """The last look at it that went as deep as any."""
        return proven(self.verifications)


def backups(vault: Vault) -> list[FilesBackup]:
    """Return all backups of the files with what is known of their verification, the newest first."""
    looks = verifications(vault)
    return [_opened(vault, entry, looks) for entry in reversed(listed(vault))]


def listed(vault: Vault) -> list[Entry]:
    """Return where the manifests are, the oldest first; none of them is read."""
    return [entry for entry in vault.listed(places.MANIFESTS) if entry.key == places.manifest(named(entry))]


def named(entry: Entry) -> str:
    """Return the id of the backup that a document belongs to."""
    return entry.key.removeprefix(places.MANIFESTS).partition("/")[0]


def newest(vault: Vault) -> FilesManifest | None:
    """Return the newest manifest that can be read."""
    for entry in reversed(listed(vault)):
        manifest, _ = _read(vault, entry)
        if manifest:
            return manifest
    return None


def journals(vault: Vault, *, after: str) -> Iterator[Entry]:
    """Yield what runs after a backup had written down before they were cut short, the oldest first."""
    for entry in vault.listed(places.MANIFESTS):
        if named(entry) > after and entry.key.startswith(f"{places.folder(named(entry))}copied-"):
            yield entry


def chosen(
    found: Iterable[FilesBackup], *, backup: str | None = None, at: datetime | None = None
) -> FilesManifest:
    """
    Return the manifest of a backup: the one named, else the newest, or the newest that was done at `at`.

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
    fitting = [one.manifest for one in found if one.manifest and (not at or one.manifest.finished <= at)]
    if not fitting:
        when = f" from {at:%Y-%m-%d %H:%M:%S} UTC or before" if at else ""
        raise Failure(f"There is no backup of the files{when}.", "./bulwark backups lists all of them.")
    return max(fitting, key=lambda manifest: manifest.finished)


def _opened(vault: Vault, entry: Entry, looks: dict[str, list[Verification]]) -> FilesBackup:
    manifest, unreadable = _read(vault, entry)
    return FilesBackup(named(entry), manifest, unreadable, tuple(looks.get(named(entry), ())))


def _read(vault: Vault, entry: Entry) -> tuple[FilesManifest | None, str]:
    try:
        manifest = FilesManifest.model_validate_json(b"".join(vault.read(entry.key, entry.version)))
    except ValidationError as error:
        return None, f"can't be read: {error.error_count()} fields are not as they must be"
    if places.manifest(manifest.id) != entry.key:
        return None, "names another backup than the one that it lies with"
    return manifest, ""
