"""
One reading of a database at a snapshot: its archive, and the checksums of the same rows.

pg_dump reads the small tables while other connections digest them. Then the large tables are read in ranges,
and each range is digested as it is read (recovery.postgres.table_ranges).
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from recovery.manifest import Checksums, DumpContent
from recovery.postgres.archive_rows import add_rows
from recovery.postgres.checksums import add_tables, compute_checksums
from recovery.postgres.client_programs import ClientPrograms
from recovery.postgres.connection import explain_errors
from recovery.postgres.definitions import Definitions
from recovery.postgres.digest import OnDigestProgress, RowDigest
from recovery.postgres.dump import dump, select_relations
from recovery.postgres.snapshot import Snapshot
from recovery.postgres.spare_connections import choose_connections
from recovery.postgres.table_name import TableName
from recovery.postgres.table_ranges import choose_large_tables, read_ranges
from recovery.postgres.tables import StoredTable, read_tables


class DatabaseReading:
    """A reading of a database, as a context manager. Its parts are valid after the end of `read_archive`."""

    def __init__(
        self,
        clients: ClientPrograms,
        url: str,
        snapshot: Snapshot,
        *,
        tables: tuple[str, ...] = (),
        content: DumpContent = "all",
        connections: int | None = None,
        on_progress: OnDigestProgress = lambda *_: None,
        on_table: Callable[[str], None] = lambda _: None,
    ) -> None:
        """
        Prepare a reading.

        Args:
            clients: at least as new as the server.
            url: of the database.
            snapshot: an open snapshot of the same database.
            tables: names as in SQL (see table_name) of the selected tables. Empty: everything.
            content: of the archive. Checksums are those of everything.
            connections: the largest number that read rows, beside the one that holds the snapshot; None is
                the default. See `choose_connections`.
            on_progress: called by threads; see OnDigestProgress.
            on_table: called by threads with each table whose rows are being read, as `schema.name`.
        """
        self._clients, self._url, self._snapshot = clients, url, snapshot
        self._selected = tables
        self._content: DumpContent = content
        self._on_progress, self._on_table = on_progress, on_table
        self._digested = [0, 0]
        """Bytes of small and of large tables."""

        self._wanted = connections
        self._pool = ThreadPoolExecutor(1, "checksums")
        self._small: Future[Checksums] | None = None
        self._digests: dict[tuple[str, str], RowDigest] = {}
        self.definitions = Definitions(kinds={})
        self.warnings: list[str] = []
        """Of pg_dump, each in one line."""

    def __enter__(self) -> Self:
        connection = self._snapshot.connection
        with explain_errors(connection, "look at the tables"):
            tables = read_tables(connection, select_relations(connection, self._selected))
            self.connections = choose_connections(connection, self._wanted)
        self._total_bytes = sum(table.bytes for table in tables)
        self._large = (
            choose_large_tables(tables, self._snapshot, self._clients) if self._content == "all" else []
        )
        self._digests = dict.fromkeys((table.key for table in self._large), RowDigest())
        if self.connections > 1:
            self._small = self._pool.submit(self._digest_small_tables)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def read_archive(self) -> Iterator[bytes]:
        """
        Yield the archive; see `dump`.

        Raises:
            Failure: something can't be read. The archive is not whole then.
        """
        archive = dump(
            self._clients,
            self._url,
            self._snapshot.id,
            tables=self._selected,
            content=self._content,
            without_rows=[TableName(table.schema, table.name) for table in self._large],
            on_warning=self.warnings.append,
            on_table=self._on_table,
        )
        return add_rows(archive, self._large, self._read_large_tables()) if self._large else archive

    def read_checksums(self) -> Checksums:
        """Return the checksums of all tables, after the end of the archive."""
        small = self._small.result() if self._small else self._digest_small_tables()
        return add_tables(small, self._digests)

    def _read_large_tables(self) -> Generator[tuple[StoredTable, bytes]]:
        if self._small:
            self._small.result()  # its connections are free now
        current: StoredTable | None = None
        for table, piece in read_ranges(
            self._clients,
            self._url,
            self._snapshot,
            self._large,
            connections=self.connections,
            on_range=self._add_range,
        ):
            if table is not current:
                current = table
                self._on_table(f"{table.schema}.{table.name}")
            yield table, piece

    def _add_range(self, table: StoredTable, digest: RowDigest, size: int) -> None:
        self._digests[table.key] += digest
        self._digested[1] += size
        self._on_progress(sum(self._digested), self._total_bytes)

    def _digest_small_tables(self) -> Checksums:
        def report(done: int, _: int) -> None:
            self._digested[0] = done
            self._on_progress(sum(self._digested), self._total_bytes)

        def keep(definitions: Definitions) -> None:
            self.definitions = definitions

        return compute_checksums(
            self._url,
            self._snapshot,
            tables=self._selected,
            without=self._digests,
            workers=max(1, self.connections - 1),
            on_progress=report,
            on_definitions=keep,
        )
