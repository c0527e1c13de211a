"""Proves a backup of the files: its listing against what the vault holds, and, deeply, every byte of it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Final

from core import vault_layout
from core.failure import Failure
from recovery.catalogue import Verification
from recovery.files.copy import bounded_map
from recovery.files.manifest import FileEntry, FilesManifest, items
from recovery.replica import LONGEST
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient
from recovery.verify import check_backup

_SAMPLE: Final = 200
"""Objects whose lock is looked at where not every one is read."""

_SLACK: Final = timedelta(seconds=60)
"""Of a listing's moment, in whole seconds, and the vault's own."""

_TOLD: Final = 20
"""Problems that are told one by one; a vault that is empty would tell of millions."""


def verify_files(
    manifest: FilesManifest, vault: VaultClient, *, replica: VaultClient | None = None, deep: bool = False
) -> Verification:
    """
    Look at one backup: is each version of each file there, with its size, and locked?

    Deep, every file is read back and hashed. Never raises for what is wrong with the backup: that is the
    result.
    """
    look = check_backup(manifest, vault, replica=replica)
    found: list[str] = []
    if not look.problems:
        try:
            found += _told(_read_back(manifest, vault) if deep else _listed(manifest, vault, replica))
        except Failure as failure:
            found.append(str(failure))
    return look.model_copy(update={"deep": deep, "problems": (*look.problems, *found)})


def _told(problems: Iterator[str]) -> list[str]:
    told = list(islice(problems, _TOLD))
    more = sum(1 for _ in problems)
    return [*told, f"and {more:,} more"] if more else told


def _read_back(manifest: FilesManifest, vault: VaultClient) -> Iterator[str]:
    def read(item: FileEntry) -> list[str]:
        problems = _looked_at(item, vault)
        try:
            for _ in vault.read(item.place, item.version, sha256=item.sha256, expected_bytes=item.bytes):
                pass
        except Failure as failure:
            problems = [str(failure)]
        return problems

    for problems in bounded_map(read, items(manifest, vault)):
        yield from problems


def _listed(manifest: FilesManifest, vault: VaultClient, replica: VaultClient | None) -> Iterator[str]:
    """Compare listings that are sorted alike: the backup's, and each vault's of all versions."""
    since = manifest.finished + LONGEST
    # What has just been copied is on its way there.
    both = [vault, replica] if replica and datetime.now(UTC) > since else [vault]
    for one in both:
        yield from _listed_in(manifest, one)


def _listed_in(manifest: FilesManifest, vault: VaultClient) -> Iterator[str]:
    sample = _Sample()
    long: list[FileEntry] = []
    for bucket, group in groupby(items(manifest, vault), lambda item: item.bucket):
        held = _versions(vault, f"{vault_layout.FILE_COPIES}{bucket}/")
        entry = next(held, None)
        for item in group:
            sample.add(item)
            if item.place.startswith(vault_layout.LONG_FILE_COPIES):
                long.append(item)
                continue
            while entry and entry.key < item.place:
                entry = next(held, None)
            sizes: dict[str, int] = {}
            while entry and entry.key == item.place:
                sizes[entry.version] = entry.bytes
                entry = next(held, None)
            if item.version not in sizes:
                yield f"{item.place} (version {item.version}) is not in vault {vault.bucket}"
            elif sizes[item.version] != item.bytes:
                yield f"{item.place} has {sizes[item.version]:,} bytes; the listing says {item.bytes:,}"
    for problems in bounded_map(lambda item: _looked_at(item, vault), [*long, *sample.items]):
        yield from problems


def _versions(vault: VaultClient, prefix: str) -> Iterator[VersionEntry]:
    return (entry for entry in vault.listed(prefix, versions=True) if not entry.marker)


def _looked_at(item: FileEntry, vault: VaultClient) -> list[str]:
    """Compare what the vault says of a version with what the listing says: size and lock."""
    try:
        held = vault.head(item.place, item.version)
    except Failure as failure:
        return [str(failure)]
    problems: list[str] = []
    if held.bytes != item.bytes:
        problems.append(f"{item.place} has {held.bytes:,} bytes; the listing says {item.bytes:,}")
    if item.locked_until and (not held.locked_until or held.locked_until < item.locked_until - _SLACK):
        problems.append(f"{item.place} is locked for less time than its listing says")
    return problems


class _Sample:
    """Some of many items, each with the same chance (reservoir sampling)."""

    def __init__(self) -> None:
        self.items: list[FileEntry] = []
        self._seen = 0

    def add(self, item: FileEntry) -> None:
        self._seen += 1
        if len(self.items) < _SAMPLE:
            self.items.append(item)
        elif (position := random.randrange(self._seen)) < _SAMPLE:  # noqa: S311 - chance, not secrecy
            self.items[position] = item
