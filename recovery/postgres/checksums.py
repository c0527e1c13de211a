"""What is in a database at one moment, in figures that a restored copy must show again."""

from collections.abc import Collection, Iterator

from core.failure import Failure
from recovery.manifest import Checksums, Sequence, Table
from recovery.postgres.connection import explained
from recovery.postgres.definitions import definitions, extensions, fingerprint
from recovery.postgres.digest import (
    OnDigestProgress,
    Piece,
    RowDigest,
    digest_in_parallel,
    require_same_hash,
    shared_out,
)
from recovery.postgres.dump import select_relations
from recovery.postgres.snapshot import Snapshot

# Only a heap is read by block numbers; PostgreSQL 14 and newer read nothing else for it.
_TABLES = """
    SELECT n.nspname, c.relname, pg_table_size(c.oid),
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
           CASE a.amname WHEN 'heap' THEN pg_relation_size(c.oid) ELSE 0 END
               / current_setting('block_size')::integer
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e')
      AND (%(chosen)s::oid[] IS NULL OR c.oid = ANY(%(chosen)s::oid[]))
    ORDER BY 3 DESC, 1, 2
"""

_SEQUENCES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e')
      AND (%(chosen)s::oid[] IS NULL OR c.oid = ANY(%(chosen)s::oid[]))
"""


def compute_checksums(
    url: str,
    snapshot: Snapshot,
    *,
    selected: tuple[str, ...] = (),
    workers: int = 2,
    progress: OnDigestProgress | None = None,
) -> Checksums:
    """
    Take the figures of the database as the snapshot shows it.

    Large tables are read in pieces, the largest first, by `workers` connections that join the snapshot. As in
    a dump, `selected` tables (see table_name) come with their sequences and children, but without large
    objects, types, functions and the like.

    Raises:
        Failure: a table can't be read by this role, a selected table is not there, or a connection was lost.
    """
    connection = snapshot.connection
    with explained(connection, "read the definitions"):
        require_same_hash(connection)
        only = select_relations(connection, selected)
        pieces = [] if selected else [Piece()]
        for row in connection.execute(_TABLES, {"chosen": only}):
            pieces += shared_out(Piece(*row[:4]), *row[4:])
        sequences = {(schema, name) for schema, name in connection.execute(_SEQUENCES, {"chosen": only})}
        found = definitions(connection, only)
        versions = extensions(connection)
    known = {(sequence.schema_name, sequence.name): sequence for sequence in snapshot.sequences}
    for schema, name in sorted(sequences - known.keys()):
        raise Failure(
            f'the role "{connection.info.user}" may not read the sequence "{schema}"."{name}".',
            "let it: GRANT SELECT on the sequence and USAGE on its schema.",
        )
    digests = digest_in_parallel(url, snapshot.id, pieces, workers, progress)
    objects = digests.pop(("", ""), RowDigest())
    return Checksums(
        tables=tuple(
            Table(schema_name=schema, name=name, rows=digest.count, digest=digest.text)
            for (schema, name), digest in sorted(digests.items())
        ),
        sequences=tuple(known[key] for key in sorted(sequences)),
        large_objects=objects.count,
        large_objects_digest=objects.text,
        definitions={kind: fingerprint(lines) for kind, lines in found.items()},
        extensions=versions,
    )


def differences(expected: Checksums, found: Checksums, *, ignoring: Collection[str] = ()) -> list[str]:
    """
    Say in sentences what is not as expected; an empty list means that nothing is. They never quote content.

    A sequence may stand ahead of what is expected, because it moves on between the figures and the dump of a
    database that is in use, and values that nobody used do no harm. It may not stand behind.

    Args:
        expected: Of the source, as its manifest tells them.
        found: Of the copy.
        ignoring: Parts that the copy need not have: "tables", "sequences", "large_objects", "extensions" or a
            kind of definition, such as "owners" where a restore maps the roles.
    """
    parts = {
        "tables": _different_tables,
        "sequences": _different_sequences,
        "large_objects": _different_large_objects,
        "extensions": _different_extensions,
    }
    told = [
        sentence
        for part, compare in parts.items()
        if part not in ignoring
        for sentence in compare(expected, found)
    ]
    kinds = sorted({*expected.definitions, *found.definitions} - set(ignoring))
    return told + [
        f"The {kind.replace('_', ' ')} are not defined as expected."
        for kind in kinds
        if expected.definitions.get(kind) != found.definitions.get(kind)
    ]


def _different_tables(expected: Checksums, found: Checksums) -> Iterator[str]:
    there = {(table.schema_name, table.name): table for table in found.tables}
    for table in expected.tables:
        name = f'Table "{table.schema_name}"."{table.name}"'
        other = there.pop((table.schema_name, table.name), None)
        if other is None:
            yield f"{name} is missing; {table.rows} rows were expected."
        elif other.rows != table.rows:
            yield f"{name} has {other.rows} rows; {table.rows} were expected."
        elif other.digest != table.digest:
            yield f"{name} has {table.rows} rows, as expected, but not the same ones."
    for table in there.values():
        yield f'Table "{table.schema_name}"."{table.name}" was not expected; it has {table.rows} rows.'


def _different_sequences(expected: Checksums, found: Checksums) -> Iterator[str]:
    there = {(sequence.schema_name, sequence.name): sequence for sequence in found.sequences}
    for sequence in expected.sequences:
        name = f'Sequence "{sequence.schema_name}"."{sequence.name}"'
        other = there.pop((sequence.schema_name, sequence.name), None)
        if other is None:
            yield f"{name} is missing."
        elif _behind(other, sequence):
            yield f"{name} stands at {_state(other)}, behind the expected {_state(sequence)}."
    for sequence in there.values():
        yield f'Sequence "{sequence.schema_name}"."{sequence.name}" was not expected.'


def _behind(found: Sequence, expected: Sequence) -> bool:
    sign = 1 if expected.increment > 0 else -1
    return (sign * found.last_value, found.is_called) < (sign * expected.last_value, expected.is_called)


def _state(sequence: Sequence) -> str:
    return f"{sequence.last_value}{'' if sequence.is_called else ' (not given out yet)'}"


def _different_large_objects(expected: Checksums, found: Checksums) -> Iterator[str]:
    if found.large_objects != expected.large_objects:
        yield f"There are {found.large_objects} large objects; {expected.large_objects} were expected."
    elif found.large_objects_digest != expected.large_objects_digest:
        yield f"There are {found.large_objects} large objects, as expected, but not with the same content."


def _different_extensions(expected: Checksums, found: Checksums) -> Iterator[str]:
    for name in sorted({*expected.extensions, *found.extensions}):
        before, after = expected.extensions.get(name), found.extensions.get(name)
        if after is None:
            yield f'Extension "{name}" is missing; version {before} was expected.'
        elif before is None:
            yield f'Extension "{name}" was not expected.'
        elif before != after:
            yield f'Extension "{name}" has version {after}; {before} was expected.'
