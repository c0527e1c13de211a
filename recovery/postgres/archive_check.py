"""Comparison of an archive, and of what was loaded from it, with the figures in the backup's manifest."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from core.text import printable
from recovery.manifest import Manifest
from recovery.postgres.toc import ArchiveToc, TocEntry

_SHOWN: Final = 5
_NEXT_STEP: Final = (
    "use another backup, or the other vault's copy (--vault replica); keep this one for the inquiry: no "
    "backup is written so."
)

# ANALYZE reads at least 100 pages, and up to 300 per unit of the largest statistics target among the columns.
# The count is exact if those are all. It is a float with 24 bits.
_EXACT_COUNTS: Final = """
    SELECT n.nspname, c.relname, c.reltuples::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.reltuples BETWEEN 0 AND 16777216 AND c.relpages <= greatest(100, 300 * (
        SELECT max(CASE WHEN a.attstattarget >= 0 THEN a.attstattarget
                        ELSE current_setting('default_statistics_target')::integer END)
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
"""


def require_as_in_manifest(toc: ArchiveToc, manifest: Manifest) -> None:
    """
    Raise Failure unless the archive's tables are those of the manifest's figures.

    Whoever can write to a vault can store any archive beside a copied manifest. Only the table of contents is
    read.
    """
    expected = {(table.schema_name, table.name) for table in manifest.figures.tables}
    if manifest.content == "schema":
        # The statement that attaches a partition does not tell tables with rows from partitioned ones.
        found = {(entry.schema, entry.name) for entry in toc.of_kind("TABLE")}
        surplus: set[tuple[str, str]] = set()
    else:
        created = {entry.id for entry in toc.of_kind("TABLE")}
        entries = [
            entry
            for entry in toc.of_kind("TABLE DATA")
            # Those of an extension are no tables of the archive.
            if manifest.content == "data" or entry.depends_on & created
        ]
        found = {(entry.schema, entry.name) for entry in entries}
        surplus = found - expected if manifest.content == "all" else set()
    lacking = expected - found
    if lacking or surplus:
        raise Failure(
            f"The dump of backup {manifest.id} is not the one that its manifest describes: it has "
            f"{_describe(lacking, 'no table')}{' and ' if lacking and surplus else ''}"
            f"{_describe(surplus, 'the table')}{', which the manifest does not name' if surplus else ''}.",
            _NEXT_STEP,
        )


def require_counts(connection: psycopg.Connection, manifest: Manifest, loaded: Collection[TocEntry]) -> None:
    """
    Raise Failure if a table has another number of rows than the manifest says.

    Only tables that ANALYZE has read completely are compared, which costs nothing.

    Args:
        connection: to the database, after ANALYZE.
        manifest: of the backup.
        loaded: the entries that were restored.
    """
    expected = {(table.schema_name, table.name): table.rows for table in manifest.figures.tables}
    counts = {(str(schema), str(name)): int(rows) for schema, name, rows in connection.execute(_EXACT_COUNTS)}
    for table in _find_suspects(expected, counts, loaded):
        # An autovacuum that came after ANALYZE leaves an estimate.
        query = sql.SQL("SELECT pg_catalog.count(*) FROM ONLY {}").format(sql.Identifier(*table))
        rows = int(connection.execute(query).fetchall()[0][0])
        if rows != expected[table]:
            wrong = printable(
                f"table {'.'.join(table)} has {rows:,} rows, and {expected[table]:,} were saved"
            )
            raise Failure(
                "The restored copy is not the one that the manifest of backup "
                f"{manifest.id} describes: {wrong}.",
                _NEXT_STEP,
            )


def _find_suspects(
    expected: dict[tuple[str, str], int], counts: dict[tuple[str, str], int], loaded: Iterable[TocEntry]
) -> Iterator[tuple[str, str]]:
    """Yield the tables whose statistics have another number of rows than the manifest says."""
    for entry in loaded:
        table = entry.schema, entry.name
        # An entry with a statement, a comment, loads its rows through the partitioned table: they may be in
        # another partition than at the source.
        if entry.kind != "TABLE DATA" or entry.statement or table not in expected or table not in counts:
            continue
        if counts[table] != expected[table]:
            yield table


def _describe(tables: set[tuple[str, str]], what: str) -> str:
    names = [printable(".".join(table)) for table in sorted(tables)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what} {', '.join(names[:_SHOWN])}{more}" if names else ""
