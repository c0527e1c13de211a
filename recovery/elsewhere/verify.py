"""Verifies copies in a vault elsewhere without their private key: each is there, locked, and unchanged."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final

from core import vault_layout
from core.failure import Failure
from recovery.catalogue import Verification
from recovery.elsewhere.copied_files import pair_files, read_objects
from recovery.elsewhere.copies import BackupCopy
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.manifest import FileEntry
from recovery.files.parallel import bounded_map
from recovery.manifest import StoredObject
from recovery.vault.vault import VaultClient

_SAMPLE_SIZE: Final = 50
"""Number of a copy's files that are read, and whose lock is compared, without the private key."""

_SAMPLED_BYTES: Final = 64 << 20
"""A larger file of the sample is not read; its lock is compared."""

_MAX_PROBLEMS: Final = 20
"""Problems of files that the result has one by one; for an empty vault there could be millions."""


class ListedFiles:
    """What a vault elsewhere lists of encrypted files: read once, when it is first asked for, and on disk."""

    def __init__(self, vault: VaultClient) -> None:
        self._vault = vault
        self._table: sqlite3.Connection | None = None

    def find_bytes(self, stored: StoredObject) -> int | None:
        """Return the size of a version; None if it is not there. Raise Failure if the vault can't be read."""
        if not self._table:
            # A temporary database, which SQLite keeps in a file without a name.
            self._table = sqlite3.connect("", isolation_level=None)
            self._table.execute(
                "CREATE TABLE file (key TEXT, version TEXT, bytes INT, PRIMARY KEY (key, version)) "
                "WITHOUT ROWID"
            )
            self._table.execute("BEGIN")
            self._table.executemany(
                "INSERT INTO file VALUES (?, ?, ?)",
                (
                    (one.key, one.version, one.bytes)
                    for one in self._vault.list_entries(vault_layout.FILES, versions=True)
                    if not one.is_delete_marker
                ),
            )
        row = self._table.execute(
            "SELECT bytes FROM file WHERE key = ? AND version = ?", (stored.key, stored.version)
        ).fetchone()
        return row[0] if row else None


def verify_copy(vault: ElsewhereVault, copy: BackupCopy, listed: ListedFiles) -> Verification:
    """
    Read every encrypted object of a copy, and compare it with the copy's document.

    Of the files each is looked up in `listed`, and a sample is read.
    """
    return Verification(
        backup=copy.backup,
        manifest_sha256=copy.manifest.sha256,
        at=datetime.now(UTC),
        deep=False,
        problems=(
            *find_problems(vault, copy),
            *_first_problems(_find_file_problems(vault.stored, copy, listed)),
        ),
    )


def find_problems(vault: ElsewhereVault, copy: BackupCopy) -> Iterator[str]:
    """Yield one phrase for each difference between the stored objects and the copy's document; not files."""
    for stored in (*(one.encrypted for one in copy.all_objects), *copy.files):
        yield from _check_object(vault.stored, stored)


def find_lock_problems(vault: ElsewhereVault, copy: BackupCopy) -> Iterator[str]:
    """Yield what is wrong with the locks of a copy, without its files. Raise Failure if one can't be read."""
    for stored in (*(one.encrypted for one in copy.all_objects), *copy.files):
        yield from _check_lock(vault.stored, stored)


def verify_files(vault: ElsewhereVault, copy: BackupCopy) -> list[str]:
    """Decrypt each file of a copy and compare it with its listing; return one phrase per problem."""

    def check(pair: tuple[FileEntry, StoredObject]) -> list[str]:
        entry, stored = pair
        try:
            problems = list(_check_lock(vault.stored, stored))
            for _ in vault.read_copied_file(entry, stored):
                pass
        except Failure as failure:
            return [str(failure)]
        return problems

    def check_all() -> Iterator[str]:
        try:
            for problems in bounded_map(check, pair_files(vault, vault.stored, copy)):
                yield from problems
        except Failure as failure:
            yield str(failure)

    return _first_problems(check_all())


def _find_file_problems(vault: VaultClient, copy: BackupCopy, listed: ListedFiles) -> Iterator[str]:
    sample: list[StoredObject] = []
    count = 0
    try:
        for count, stored in enumerate(read_objects(vault, copy.files), 1):
            size = listed.find_bytes(stored)
            if size != stored.bytes:
                yield f"{stored.key} {'is not there' if size is None else 'has another size'}"
            # Each with the same chance (reservoir sampling).
            if len(sample) < _SAMPLE_SIZE:
                sample.append(stored)
            elif (position := random.randrange(count)) < _SAMPLE_SIZE:  # noqa: S311 - chance, not secrecy
                sample[position] = stored
    except Failure as failure:
        yield str(failure)
        return
    if count != copy.file_count:
        yield f"its lists name {count:,} files; its document says {copy.file_count:,}"
    for problems in bounded_map(partial(_check_sampled, vault), sample):
        yield from problems


def _check_sampled(vault: VaultClient, stored: StoredObject) -> list[str]:
    check = _check_object if stored.bytes <= _SAMPLED_BYTES else _check_lock
    return list(check(vault, stored))


def _check_object(vault: VaultClient, stored: StoredObject) -> Iterator[str]:
    try:
        yield from _check_lock(vault, stored)
        for _ in vault.read(stored.key, stored.version, sha256=stored.sha256, expected_bytes=stored.bytes):
            pass
    except Failure as failure:
        yield str(failure)


def _check_lock(vault: VaultClient, stored: StoredObject) -> Iterator[str]:
    mode, until = vault.read_object_lock(stored.key, stored.version)
    if stored.locked_until and (not until or until < stored.locked_until):
        yield f"{stored.key} is locked for less time than when it was stored"
    if mode != "COMPLIANCE":
        yield f"{stored.key} is not locked in mode COMPLIANCE"


def _first_problems(problems: Iterable[str]) -> list[str]:
    iterator = iter(problems)
    first = list(islice(iterator, _MAX_PROBLEMS))
    more = sum(1 for _ in iterator)
    return [*first, f"and {more:,} more"] if more else first
