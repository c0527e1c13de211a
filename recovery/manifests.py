"""The types of manifests, and the stores that a vault holds backups of."""

from typing import Final

from recovery.catalogue import list_backups
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest
from recovery.state import StateManifest
from recovery.store import Store
from recovery.vault.vault import VaultClient

MANIFESTS: Final[tuple[type[BackupManifest], ...]] = (Manifest, FilesManifest, StateManifest)


def manifest_of(store: Store) -> type[BackupManifest]:
    """Return the type of the manifests of a store."""
    return next(kind for kind in MANIFESTS if store.kind == kind.KIND)


def find_stores(vault: VaultClient) -> tuple[Store, ...]:
    """Return the stores that a vault has backups of, by kind and name. Raise Failure if it can't be read."""
    return tuple(
        store
        for kind in MANIFESTS
        for store in sorted({listed.store for listed in list_backups(vault, kind, store=None)})
    )
