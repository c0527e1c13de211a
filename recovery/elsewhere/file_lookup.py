"""Finds the encrypted object of a version of a file, for a restore; on disk, as there may be millions."""

import sqlite3
import threading
from collections.abc import Iterable

from recovery.elsewhere.copied_files import pair_files
from recovery.elsewhere.copies import BackupCopy
from recovery.manifest import StoredObject
from recovery.vault.vault import VaultClient


class FileLookup:
    """Reads the lists of copied files when the first file is looked for; threads may share it."""

    def __init__(self, originals: VaultClient, stored: VaultClient) -> None:
        """`originals` is the vault elsewhere with the private key, `stored` the same vault as it is."""
        self._originals, self._stored = originals, stored
        self._lock = threading.Lock()
        self._read: set[tuple[str, str]] = set()
        self._table: sqlite3.Connection | None = None

    def find(self, key: str, version: str, copies: Iterable[BackupCopy]) -> StoredObject | None:
        """
        Return the encrypted object of a version; None if no copy has it.

        Args:
            key: The key of the original's copy in the vault that was copied.
            version: Its version there.
            copies: The copies of backups of files; those that come first are read first.

        Raises:
            Failure: a list or a listing can't be read.
        """
        with self._lock:
            table = self._open()
            remaining = [copy for copy in copies if (copy.backup, copy.manifest.sha256) not in self._read]
            while not (row := self._look_up(table, key, version)) and remaining:
                self._read_copy(table, remaining.pop(0))
        return StoredObject.model_validate_json(row) if row else None

    def _open(self) -> sqlite3.Connection:
        if not self._table:
            # A temporary database, which SQLite keeps in a file without a name.
            self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._table.execute(
                "CREATE TABLE file (key TEXT, version TEXT, stored TEXT, PRIMARY KEY (key, version)) "
                "WITHOUT ROWID"
            )
        return self._table

    def _look_up(self, table: sqlite3.Connection, key: str, version: str) -> str:
        rows = table.execute("SELECT stored FROM file WHERE key = ? AND version = ?", (key, version))
        found = rows.fetchone()
        return found[0] if found else ""

    def _read_copy(self, table: sqlite3.Connection, copy: BackupCopy) -> None:
        # All of its files or none.
        with table:
            table.execute("BEGIN")
            table.executemany(
                "INSERT OR IGNORE INTO file VALUES (?, ?, ?)",
                (
                    (entry.copy_key(copy.store), entry.version, stored.model_dump_json())
                    for entry, stored in pair_files(self._originals, self._stored, copy)
                ),
            )
        self._read.add((copy.backup, copy.manifest.sha256))
