"""Verification of a file backup: its listing against the vault's listings, or every file read back."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Final

from core import vault_layout
from core.failure import Failure
from recovery.catalogue import Verification
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.files.parallel import bounded_map
from recovery.replica import MAX_REPLICATION_TIME
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient
from recovery.verify import check_backup

_SAMPLE_SIZE: Final = 200
"""Number of objects whose lock is checked when the files are not read back."""

_LOCK_TOLERANCE: Final = timedelta(seconds=60)
"""The listing's end of a lock is computed from the time of the copy, which S3 lists in whole seconds."""

_MAX_PROBLEMS: Final = 20
"""Problems that the result has one by one; for an empty vault there could be millions."""


def verify_files(
    manifest: FilesManifest, vault: VaultClient, *, replica: VaultClient | None = None, deep: bool = False
) -> Verification:
    """
    Verify one backup: each version of each file exists with its size, and a sample of them is locked.

    With `deep` every file is read back and hashed, and every lock is checked. Problems of the backup are the
    result, and never raised.
    """
    verification = check_backup(manifest, vault, replica=replica)
    problems: list[str] = []
    if not verification.problems:
        try:
            problems += _first_problems(
                _read_back(manifest, vault) if deep else _compare_listings(manifest, vault, replica)
            )
        except Failure as failure:
            problems.append(str(failure))
    return verification.model_copy(update={"deep": deep, "problems": (*verification.problems, *problems)})


def _first_problems(problems: Iterator[str]) -> list[str]:
    first = list(islice(problems, _MAX_PROBLEMS))
    more = sum(1 for _ in problems)
    return [*first, f"and {more:,} more"] if more else first


def _read_back(manifest: FilesManifest, vault: VaultClient) -> Iterator[str]:
    def read(entry: FileEntry) -> list[str]:
        key = entry.copy_key(manifest.store)
        problems = _check_copy(entry, key, vault)
        try:
            for _ in vault.read(key, entry.version, sha256=entry.sha256, expected_bytes=entry.bytes):
                pass
        except Failure as failure:
            problems = [str(failure)]
        return problems

    for problems in bounded_map(read, read_listing(manifest, vault)):
        yield from problems


def _compare_listings(
    manifest: FilesManifest, vault: VaultClient, replica: VaultClient | None
) -> Iterator[str]:
    """Compare the backup's listing with those of the vaults; the replica's only once it must be complete."""
    is_replicated = datetime.now(UTC) > manifest.finished + MAX_REPLICATION_TIME
    for listed in [vault, replica] if replica and is_replicated else [vault]:
        yield from _compare_listing(manifest, listed)


def _compare_listing(manifest: FilesManifest, vault: VaultClient) -> Iterator[str]:
    """Walk along the backup's listing and the vault's listing of all versions, which have one order."""
    sample = _Sample()
    long: list[FileEntry] = []
    for bucket, entries in groupby(read_listing(manifest, vault), lambda entry: entry.bucket):
        versions = _list_versions(vault, f"{vault_layout.file_copies(manifest.store)[0]}{bucket}/")
        version = next(versions, None)
        for entry in entries:
            sample.add(entry)
            key = entry.copy_key(manifest.store)
            if key.startswith(vault_layout.LONG_FILE_COPIES):
                long.append(entry)
                continue
            while version and version.key < key:
                version = next(versions, None)
            sizes: dict[str, int] = {}
            while version and version.key == key:
                sizes[version.version] = version.bytes
                version = next(versions, None)
            if entry.version not in sizes:
                yield f"{key} (version {entry.version}) is not in vault {vault.bucket}"
            elif sizes[entry.version] != entry.bytes:
                yield f"{key} has {sizes[entry.version]:,} bytes; the listing says {entry.bytes:,}"
    for problems in bounded_map(
        lambda entry: _check_copy(entry, entry.copy_key(manifest.store), vault), [*long, *sample.entries]
    ):
        yield from problems


def _list_versions(vault: VaultClient, prefix: str) -> Iterator[VersionEntry]:
    return (entry for entry in vault.list_entries(prefix, versions=True) if not entry.is_delete_marker)


def _check_copy(entry: FileEntry, key: str, vault: VaultClient) -> list[str]:
    """Compare size and lock of a version in the vault, under the key of its copy, with its entry."""
    try:
        info = vault.head(key, entry.version)
    except Failure as failure:
        return [str(failure)]
    problems: list[str] = []
    if info.bytes != entry.bytes:
        problems.append(f"{key} has {info.bytes:,} bytes; the listing says {entry.bytes:,}")
    if entry.locked_until and (
        not info.locked_until or info.locked_until < entry.locked_until - _LOCK_TOLERANCE
    ):
        problems.append(f"{key} is locked for less time than its listing says")
    return problems


class _Sample:
    """A random sample of entries, each with the same chance (reservoir sampling)."""

    def __init__(self) -> None:
        self.entries: list[FileEntry] = []
        self._seen = 0

    def add(self, entry: FileEntry) -> None:
        self._seen += 1
        if len(self.entries) < _SAMPLE_SIZE:
            self.entries.append(entry)
        elif (position := random.randrange(self._seen)) < _SAMPLE_SIZE:  # noqa: S311 - chance, not secrecy
            self.entries[position] = entry
