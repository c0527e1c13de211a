"""The durable store of the modelled vendors, shared by all processes of the twin."""

import json
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

Attributes = dict[str, Any]
"""A vendor's object or a log entry as plain JSON."""

_BUSY_TIMEOUT_SECONDS = 60.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, vendor TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    attributes TEXT NOT NULL, UNIQUE (vendor, kind, id));
CREATE TABLE IF NOT EXISTS counter (vendor TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, unix_time REAL NOT NULL,
    entry TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_stream ON log (stream, seq)
"""


class LogEntry(NamedTuple):
    """One entry of a log. `seq` grows with every entry of any log and is never used again."""

    seq: int
    unix_time: float
    content: Attributes


Log = list[LogEntry]
Rows = list[tuple[Any, ...]]


class VendorStore:
    """
    One SQLite file (WAL) of objects by (vendor, kind, id), counters, and append-only logs.

    The threads of a process share one connection under a lock; processes wait for each other to write. The
    transaction of a killed process is rolled back. Open a store after a fork, never before.
    """

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)  # it holds passwords; SQLite gives its WAL files the same mode
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._enter_wal_mode()
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit the block as a whole or not at all; a nested transaction is part of the outer one."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._commit()

    def insert(self, vendor: str, kind: str, id_: str, attributes: Attributes) -> None:
        """Add an object. Raises sqlite3.IntegrityError if the id is taken."""
        self._write(
            "INSERT INTO object (vendor, kind, id, attributes) VALUES (?, ?, ?, ?)",
            (vendor, kind, id_, json.dumps(attributes)),
        )

    def get(self, vendor: str, kind: str, id_: str) -> Attributes | None:
        rows = self._read(
            "SELECT attributes FROM object WHERE vendor = ? AND kind = ? AND id = ?", (vendor, kind, id_)
        )
        return json.loads(rows[0][0]) if rows else None

    def replace(self, vendor: str, kind: str, id_: str, attributes: Attributes) -> None:
        """Replace all attributes of an object. Raises KeyError if there is no such object."""
        cursor = self._write(
            "UPDATE object SET attributes = ? WHERE vendor = ? AND kind = ? AND id = ?",
            (json.dumps(attributes), vendor, kind, id_),
        )
        if not cursor.rowcount:
            raise KeyError((vendor, kind, id_))

    def remove(self, vendor: str, kind: str, id_: str) -> None:
        """Remove an object, if it exists."""
        self._write("DELETE FROM object WHERE vendor = ? AND kind = ? AND id = ?", (vendor, kind, id_))

    def list(self, vendor: str, kind: str) -> dict[str, Attributes]:
        """Return the objects of one kind by id, oldest first."""
        rows = self._read(
            "SELECT id, attributes FROM object WHERE vendor = ? AND kind = ? ORDER BY seq", (vendor, kind)
        )
        return {id_: json.loads(attributes) for id_, attributes in rows}

    def next_number(self, vendor: str) -> int:
        """Return the next number of the vendor's counter: 1, 2, 3, ..."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO counter VALUES (?, 1) ON CONFLICT (vendor) DO UPDATE SET last = last + 1",
                (vendor,),
            )
            return int(self._read("SELECT last FROM counter WHERE vendor = ?", (vendor,))[0][0])

    def append_log(self, stream: str, entry: Attributes) -> int:
        """Append an entry with the current time to a log, and return its `seq`."""
        cursor = self._write(
            "INSERT INTO log (stream, unix_time, entry) VALUES (?, ?, ?)",
            (stream, time.time(), json.dumps(entry)),
        )
        return cursor.lastrowid or 0

    def read_log(self, stream: str, after: int = 0) -> Log:
        """Return the entries of a log with a `seq` above `after`, oldest first."""
        rows = self._read(
            "SELECT seq, unix_time, entry FROM log WHERE stream = ? AND seq > ? ORDER BY seq", (stream, after)
        )
        return [LogEntry(seq, unix_time, json.loads(entry)) for seq, unix_time, entry in rows]

    def prune_log(self, stream: str, keep: int) -> None:
        """Remove all but the newest `keep` entries of a log."""
        self._write(
            "DELETE FROM log WHERE stream = ?1 AND seq NOT IN"
            " (SELECT seq FROM log WHERE stream = ?1 ORDER BY seq DESC LIMIT ?2)",
            (stream, keep),
        )

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> Rows:
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()

    def _write(self, statement: str, parameters: tuple[Any, ...]) -> sqlite3.Cursor:
        with self.transaction():
            return self._connection.execute(statement, parameters)

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:  # such as a full disk: no part of the block may stay
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _enter_wal_mode(self) -> None:
        """Switch a new file to WAL. While another process does that, SQLite refuses at once, so try again."""
        deadline = time.monotonic() + _BUSY_TIMEOUT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return
