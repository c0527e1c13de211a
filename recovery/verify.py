"""Proves a backup: its objects against the manifest, and, deeply, what is restored from it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from core.failure import Failure
from recovery import replica as replicas
from recovery.catalogue import Verification
from recovery.manifest import BackupManifest, Manifest, Stored
from recovery.postgres.checksums import compute_checksums, differences
from recovery.postgres.disk_space import private_folder
from recovery.postgres.snapshot import snapshot
from recovery.restore import restore_database
from recovery.vault.vault import VaultClient

Scratch = Callable[[], AbstractContextManager[str]]
"""Makes an empty database on a server of its own, and removes both; gives its URL."""


def verify(
    manifest: Manifest,
    vault: VaultClient,
    *,
    replica: VaultClient | None = None,
    scratch: Scratch | None = None,
) -> Verification:
    """
    Look at one backup of the database; with `scratch` also restore it there and compare.

    Never raises for what is wrong with the backup: that is the result.
    """
    deep = (lambda: _restored(manifest, vault, scratch)) if scratch else None
    return check_backup(manifest, vault, replica=replica, deep=deep)


def check_backup(
    manifest: BackupManifest,
    vault: VaultClient,
    *,
    replica: VaultClient | None = None,
    deep: Callable[[], Iterable[str]] | None = None,
) -> Verification:
    """
    Look at one backup of any store: every object of it, its copy in `replica`, and what `deep` finds.

    `deep` restores, and yields what is wrong with that. It is called when everything else is right.
    """
    problems = list(_objects(manifest, vault))
    pending: tuple[str, ...] = ()
    if replica:
        parts = [(stored.key, stored.version) for stored in manifest.objects]
        parts += [(entry.key, entry.version) for entry in vault.listed(manifest.key)]
        missing, pending = replicas.compared(parts, vault, replica)
        problems += missing
    if deep and not problems:
        problems += deep()
    return Verification(
        backup=manifest.id,
        at=datetime.now(UTC),
        deep=deep is not None,
        problems=tuple(problems),
        pending=pending,
    )


def _objects(manifest: BackupManifest, vault: VaultClient) -> Iterator[str]:
    for key, count in _versions(vault, manifest.folder).items():
        if count > 1:
            yield f"{key} has {count} versions; a backup is written once"
    for stored in manifest.objects:
        try:
            yield from _held(stored, vault)
            for _ in vault.read(stored.key, stored.version, sha256=stored.sha256):
                pass
        except Failure as failure:
            yield str(failure)


def _versions(vault: VaultClient, folder: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in vault.listed(folder, versions=True):
        found[entry.key] = found.get(entry.key, 0) + 1
    return found


def _held(stored: Stored, vault: VaultClient) -> Iterator[str]:
    """Compare what the vault says of an object now with what it said after the upload."""
    now = vault.head(stored.key, stored.version)
    if now.bytes != stored.bytes:
        yield f"{stored.key} has {now.bytes} bytes; its manifest says {stored.bytes}"
    if stored.locked_until and (not now.locked_until or now.locked_until < stored.locked_until):
        yield f"{stored.key} is locked for less time than when it was stored"
    if stored.lock_mode == "COMPLIANCE" and now.lock_mode != "COMPLIANCE":
        yield f"{stored.key} is no longer locked in mode COMPLIANCE"


def _restored(manifest: Manifest, vault: VaultClient, scratch: Scratch) -> Iterator[str]:
    try:
        with scratch() as url, private_folder() as folder:
            restore_database(manifest, vault, url, folder=folder, stand_ins=True)
            with snapshot(url) as shot:
                found = compute_checksums(url, shot, selected=manifest.selected)
    except Failure as failure:
        yield str(failure)
        return
    yield from differences(manifest.figures, found, ignoring=_ignored(manifest))


def _ignored(manifest: Manifest) -> tuple[str, ...]:
    """Return the kinds that say nothing of a selection: its foreign keys to tables that were not chosen."""
    return ("constraints",) if manifest.selected else ()
