"""
Reads large tables in ranges of their blocks, by several connections within one snapshot.

Each connection is a psql, which copies rows with a tenth of the CPU that it would take in Python. It copies
a range and digests it right after, while the blocks are in memory; then the next one of its ranges. The rows
come out in the order of the ranges. A connection reads ahead of the others by a bounded number of bytes.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final, Self

from psycopg import sql

from recovery.postgres.client_programs import ClientProcess, ClientPrograms, ProcessResult
from recovery.postgres.connection import keepalive_parameters, libpq_environment
from recovery.postgres.digest import DigestTask, RowDigest, block_condition, digest_query, to_digest
from recovery.postgres.dump import explain_failure
from recovery.postgres.snapshot import Snapshot, write_joining_script
from recovery.postgres.tables import StoredTable
from recovery.postgres.unnamed_file import UnnamedFile, inherited_descriptors

_LARGE_BYTES: Final = 64 << 20
"""Size of a table, with TOAST, from which on it is read in ranges."""

_RANGE_BYTES: Final = 16 << 20
"""Size of a range, with TOAST. A connection can read as much ahead."""

_PIECE_BYTES: Final = 256 << 10
_AHEAD_BYTES: Final = 24 << 20

_END_SECONDS: Final = 5.0

_MOST_TABLES: Final = 500
"""pg_dump gets the name of each as an argument."""

_MOST_RANGES: Final = 10_000
"""Of one table; each is a few lines of a script. Those of a table beyond 160 GB are larger."""

_RANGES_SINCE: Final = 14
"""Older servers read a whole table for a range of its blocks."""

_END: Final = b"\n\\.\xff\n"
"""An empty line's end, and a line that no row of COPY's text format is."""

_END_BYTE: Final = b"\xff"
"""UTF-8 has no such byte. It is looked for first, which is faster, and few pieces of rows have one."""

_SETTINGS: Final = b"SET LOCAL enable_tidscan = on;\nSET LOCAL max_parallel_workers_per_gather = 0;\n"
_SCRIPT: Final = sql.SQL(
    # An amount of money is dumped as pg_dump does, and digested as everywhere.
    "SET LOCAL lc_monetary TO DEFAULT;\n"
    "COPY (SELECT {columns} FROM ONLY {table} AS t WHERE {condition}) TO STDOUT;\n"
    "\\echo '\\n\\\\.\\377'\n"
    "SET LOCAL lc_monetary = 'C';\n"
    "{digest};\n"
)

OnRange = Callable[[StoredTable, RowDigest, int], None]
"""Called with each range that was read: its table, the digest of its rows, and its bytes in the table."""

_Item = bytes | RowDigest | BaseException | None
"""A piece of rows, the end of a range, a failure, or the end of all ranges."""


class _Closed(Exception):  # noqa: N818 - no error
    """Nobody reads any more."""


@dataclass(frozen=True)
class _Range:
    """Some blocks of a table."""

    table: StoredTable
    task: DigestTask


def choose_large_tables(
    tables: Sequence[StoredTable], snapshot: Snapshot, clients: ClientPrograms
) -> list[StoredTable]:
    """
    Return the tables that are read in ranges.

    pg_dump reads all others: those that it loads through their root, and all of a database that is not in
    UTF-8, of an older server, or where there is no psql.
    """
    if (
        snapshot.server.major < _RANGES_SINCE
        or snapshot.server.encoding != "UTF8"
        or not clients.psql.exists()
    ):
        return []
    return [
        table
        for table in tables
        if table.blocks and table.copied_columns and not table.root and table.bytes >= _LARGE_BYTES
    ][:_MOST_TABLES]


def read_ranges(
    clients: ClientPrograms,
    url: str,
    snapshot: Snapshot,
    tables: Sequence[StoredTable],
    *,
    connections: int,
    on_range: OnRange,
) -> Generator[tuple[StoredTable, bytes]]:
    """
    Yield the rows of the tables, one table after the other, as pg_dump writes them.

    Nothing is connected before the first rows are asked for.

    Args:
        clients: at least as new as the server.
        url: of the database.
        snapshot: an open snapshot of the database.
        tables: from `choose_large_tables`.
        connections: number of connections.
        on_range: see OnRange.

    Raises:
        Failure: a table can't be read, or a connection was lost. What was yielded is not whole then.
    """
    ranges = [part for table in tables for part in _split(table)]
    with ExitStack() as stack:
        readers = [
            stack.enter_context(_RangeReader(clients, url, snapshot, ranges[first::connections], stack))
            for first in range(min(connections, len(ranges)))
        ]
        for number, part in enumerate(ranges):
            yield part.table, b""
            for item in readers[number % connections].read_range():
                if isinstance(item, RowDigest):
                    on_range(part.table, item, part.task.bytes)
                else:
                    yield part.table, item
        for reader in readers:
            reader.require_end()


def _split(table: StoredTable) -> Iterator[_Range]:
    blocks = max(1, table.blocks * _RANGE_BYTES // table.bytes, table.blocks // _MOST_RANGES)
    starts = range(0, table.blocks, blocks)
    for start in starts:
        # Rows that the snapshot shows are in the blocks that there were when it was taken, or in later ones.
        end = start + blocks if start != starts[-1] else None
        yield _Range(table, replace(table.digest_task, blocks=(start, end), bytes=table.bytes // len(starts)))


class _ReadAhead:
    """What a thread has read and nobody has used yet, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._items: deque[_Item] = deque()
        self._limit_bytes, self._bytes, self._is_closed = limit_bytes, 0, False
        self._changed = threading.Condition()

    def put(self, item: _Item) -> None:
        """Wait for room and add an item. Raise _Closed if nobody reads any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._bytes < self._limit_bytes)
            if self._is_closed:
                raise _Closed
            self._items.append(item)
            self._bytes += len(item) if isinstance(item, bytes) else 0
            self._changed.notify_all()

    def take(self) -> bytes | RowDigest | None:
        """Wait for an item and return it; raise it if it is a failure."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item = self._items.popleft()
            self._bytes -= len(item) if isinstance(item, bytes) else 0
            self._changed.notify_all()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


class _RangeReader:
    """One psql with its ranges, and a thread that reads ahead; a context manager."""

    def __init__(
        self,
        clients: ClientPrograms,
        url: str,
        snapshot: Snapshot,
        ranges: Sequence[_Range],
        stack: ExitStack,
    ) -> None:
        self._url, self._clients = url, clients
        self._read_ahead = _ReadAhead(_AHEAD_BYTES)
        script = stack.enter_context(UnnamedFile())
        script.write(write_joining_script(snapshot) + _SETTINGS)
        for part in ranges:
            script.write(_write_statements(part).as_bytes(snapshot.connection))
        self._process = ClientProcess(
            clients.psql,
            [
                *("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=|"),
                *("--no-password", "--variable=ON_ERROR_STOP=1", f"--file={script.path}"),
                f"--dbname={keepalive_parameters(url)}",
            ],
            libpq_environment(url) | {"PGCLIENTENCODING": "UTF8"},
            pass_fds=inherited_descriptors(script.path),
        )
        self._thread = threading.Thread(target=self._read, name="ranges", daemon=True)

    def __enter__(self) -> Self:
        self._process.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._read_ahead.close()
        self._process.terminate()
        self._thread.join(_END_SECONDS)
        self._process.__exit__()
        self._thread.join(_END_SECONDS)

    def read_range(self) -> Iterator[bytes | RowDigest]:
        """Yield the rows of the next range, and then its digest."""
        while (item := self._read_ahead.take()) is not None:
            yield item
            if isinstance(item, RowDigest):
                return
        raise AssertionError("a range was asked for that is not there")

    def require_end(self) -> None:
        """Raise Failure unless psql has succeeded."""
        self._read_ahead.take()

    def _read(self) -> None:
        with suppress(_Closed):
            try:
                for item in _parse(self._process.read_output(_PIECE_BYTES)):
                    self._read_ahead.put(item)
                self._require_success(self._process.wait())
            except _Closed:
                raise
            except BaseException as error:  # noqa: BLE001 - raised where the rows are used
                self._read_ahead.put(error)
            else:
                self._read_ahead.put(None)

    def _require_success(self, result: ProcessResult) -> None:
        if not result.succeeded:
            raise explain_failure("psql", result, self._clients, self._url)


def _write_statements(part: _Range) -> sql.Composed:
    table = part.table
    return _SCRIPT.format(
        columns=sql.SQL(", ").join(sql.Identifier("t", column) for column in table.copied_columns),
        table=sql.Identifier(table.schema, table.name),
        condition=block_condition(part.task.blocks),
        digest=digest_query(part.task),
    )


def _parse(output: Iterator[bytes]) -> Iterator[bytes | RowDigest]:
    """Yield the rows of each range, in pieces, and its digest."""
    held = b""
    for chunk in output:
        held += chunk
        while _END_BYTE in held and (end := held.find(_END)) >= 0:
            line_end = held.find(b"\n", end + len(_END))
            if line_end < 0:
                break
            if end:
                yield held[:end]
            count, total = held[end + len(_END) : line_end].split(b"|")
            yield to_digest((int(count), int(total)))
            held = held[line_end + 1 :]
        else:
            # The last bytes may begin an end. Without a line's end among them nothing is held or copied.
            begun = held.find(b"\n", max(0, len(held) - len(_END) + 1))
            if known := held[:begun] if begun >= 0 else held:
                yield known
            held = held[begun:] if begun >= 0 else b""
