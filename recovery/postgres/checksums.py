"""Row counts and checksums of a database at a snapshot, and their comparison with a restored copy's."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from core.failure import Failure
from recovery.manifest import Checksums, Partition, Sequence, Table
from recovery.postgres.connection import explain_errors
from recovery.postgres.definitions import (
    Definitions,
    compare_definitions,
    read_definitions,
    read_extensions,
)
from recovery.postgres.digest import (
    METHOD,
    DigestTask,
    OnDigestProgress,
    RowDigest,
    digest_in_parallel,
    require_known_hash,
    split_table,
)
from recovery.postgres.dump import select_relations
from recovery.postgres.snapshot import Snapshot
from recovery.postgres.tables import read_tables

_SEQUENCES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e')
      AND (%(selected)s::oid[] IS NULL OR c.oid = ANY(%(selected)s::oid[]))
"""


def compute_checksums(
    url: str,
    snapshot: Snapshot,
    *,
    tables: tuple[str, ...] = (),
    without: Collection[tuple[str, str]] = (),
    workers: int = 2,
    on_progress: OnDigestProgress | None = None,
    on_definitions: Callable[[Definitions], None] = lambda _: None,
) -> Checksums:
    """
    Return the row counts and checksums of the database as the snapshot shows it.

    Args:
        url: of the database.
        snapshot: an open snapshot of the same database.
        tables: names (see table_name) of the selected tables, with their sequences and children. As in a
            dump, large objects, types, functions and the like are then left out. Empty: everything.
        without: schemas and names of tables that are digested elsewhere; see `add_tables`.
        workers: connections that join the snapshot and digest rows. Large tables are split; the largest
            come first.
        on_progress: see OnDigestProgress.
        on_definitions: called once with the definitions whose hashes are returned.

    Raises:
        Failure: this role can't read a table, a selected table does not exist, or a connection was lost.
    """
    connection = snapshot.connection
    with explain_errors(connection, "read the definitions"):
        require_known_hash(connection)
        selected = select_relations(connection, tables)
        tasks = [] if tables else [DigestTask()]
        rehashed: list[Partition] = []
        for table in read_tables(connection, selected):
            if table.root:
                rehashed.append(Partition(schema_name=table.schema, name=table.name, root=table.root))
            if table.key not in without:
                tasks += split_table(table.digest_task, table.blocks)
        sequences = {
            (schema, name) for schema, name in connection.execute(_SEQUENCES, {"selected": selected})
        }
        definitions = read_definitions(connection, selected)
        extensions = read_extensions(connection)
    on_definitions(definitions)
    positions = {(sequence.schema_name, sequence.name): sequence for sequence in snapshot.sequences}
    for schema, name in sorted(sequences - positions.keys()):
        raise Failure(
            f'the role "{connection.info.user}" may not read the sequence "{schema}"."{name}".',
            "let it: GRANT SELECT on the sequence and USAGE on its schema.",
        )
    digests = digest_in_parallel(url, snapshot.id, tasks, workers, on_progress)
    large_objects = digests.pop(("", ""), RowDigest())
    return Checksums(
        tables=_list_tables(digests),
        sequences=tuple(positions[key] for key in sorted(sequences)),
        large_objects=large_objects.count,
        large_objects_digest=large_objects.hex,
        definitions=definitions.fingerprints(),
        extensions=extensions,
        rehashed=tuple(rehashed),
        row_hash=METHOD,
    )


def add_tables(checksums: Checksums, digests: Mapping[tuple[str, str], RowDigest]) -> Checksums:
    """Return the checksums with tables that were digested elsewhere, by schema and name."""
    tables = sorted(
        (*checksums.tables, *_list_tables(digests)), key=lambda table: (table.schema_name, table.name)
    )
    return checksums.model_copy(update={"tables": tuple(tables)})


def _list_tables(digests: Mapping[tuple[str, str], RowDigest]) -> tuple[Table, ...]:
    return tuple(
        Table(schema_name=schema, name=name, rows=digest.count, digest=digest.hex)
        for (schema, name), digest in sorted(digests.items())
    )


def compare_checksums(
    expected: Checksums,
    actual: Checksums,
    *,
    ignore: Collection[str] = (),
    definitions: tuple[Definitions, Definitions] | None = None,
) -> list[str]:
    """
    Return one sentence per difference; an empty list means that the copy is as expected. None quotes rows.

    A sequence may stand ahead of the expected position, but not behind: in a database that is in use it moves
    on between the checksums and the dump, and skipped values do no harm.

    Args:
        expected: of the source, from its manifest.
        actual: of the copy.
        ignore: parts that may differ: "tables", "sequences", "large_objects", "extensions" or a kind of
            definition, such as "owners" after a restore that maps the roles.
        definitions: the expected and the actual ones. With them, sentences name each object that differs;
            without, only its kind.
    """
    sentences = [
        sentence
        for part, compare in _COMPARISONS.items()
        if part not in ignore
        for sentence in compare(expected, actual)
    ]
    for kind in sorted({*expected.definitions, *actual.definitions} - set(ignore)):
        if expected.definitions.get(kind) != actual.definitions.get(kind):
            # Without objects that differ, the stored definitions are not those that were hashed.
            sentences += (
                compare_definitions(kind, *(side.kinds.get(kind, ()) for side in definitions))
                if definitions
                else []
            ) or [f"The {kind.replace('_', ' ')} are not defined as expected."]
    return sentences


def _sum_rehashed(tables: Iterable[Table], roots: Mapping[tuple[str, str], tuple[str, str]]) -> list[Table]:
    """Return the tables with one in place of each root's partitions, whose rows may have changed places."""
    sums: dict[tuple[str, str], RowDigest] = {}
    for table in tables:
        key = (table.schema_name, table.name)
        key = roots.get(key, key)
        sums[key] = sums.get(key, RowDigest()) + RowDigest(table.rows, int(table.digest, 16))
    return [
        Table(schema_name=schema, name=name, rows=digest.count, digest=digest.hex)
        for (schema, name), digest in sums.items()
    ]


def _compare_tables(expected: Checksums, actual: Checksums) -> Iterator[str]:
    comparable = expected.row_hash == actual.row_hash
    if not comparable:
        yield "The rows can only be counted: an earlier version digested them in another way."
    roots = {
        (partition.schema_name, partition.name): partition.root
        for checksums in (actual, expected)
        for partition in checksums.rehashed
    }
    unmatched = {(table.schema_name, table.name): table for table in _sum_rehashed(actual.tables, roots)}
    for table in _sum_rehashed(expected.tables, roots):
        name = f'Table "{table.schema_name}"."{table.name}"'
        other = unmatched.pop((table.schema_name, table.name), None)
        if other is None:
            yield f"{name} is missing; {table.rows} rows were expected."
        elif other.rows != table.rows:
            yield f"{name} has {other.rows} rows; {table.rows} were expected."
        elif comparable and other.digest != table.digest:
            yield f"{name} has {table.rows} rows, as expected, but not the same ones."
    for table in unmatched.values():
        yield f'Table "{table.schema_name}"."{table.name}" was not expected; it has {table.rows} rows.'


def _compare_sequences(expected: Checksums, actual: Checksums) -> Iterator[str]:
    unmatched = {(sequence.schema_name, sequence.name): sequence for sequence in actual.sequences}
    for sequence in expected.sequences:
        name = f'Sequence "{sequence.schema_name}"."{sequence.name}"'
        other = unmatched.pop((sequence.schema_name, sequence.name), None)
        if other is None:
            yield f"{name} is missing."
        elif _is_behind(other, sequence):
            position = _format_position(other)
            yield f"{name} stands at {position}, behind the expected {_format_position(sequence)}."
    for sequence in unmatched.values():
        yield f'Sequence "{sequence.schema_name}"."{sequence.name}" was not expected.'


def _is_behind(actual: Sequence, expected: Sequence) -> bool:
    sign = 1 if expected.increment > 0 else -1
    return (sign * actual.last_value, actual.is_called) < (sign * expected.last_value, expected.is_called)


def _format_position(sequence: Sequence) -> str:
    return f"{sequence.last_value}{'' if sequence.is_called else ' (not given out yet)'}"


def _compare_large_objects(expected: Checksums, actual: Checksums) -> Iterator[str]:
    if actual.large_objects != expected.large_objects:
        yield f"There are {actual.large_objects} large objects; {expected.large_objects} were expected."
    elif actual.large_objects_digest != expected.large_objects_digest:
        yield f"There are {actual.large_objects} large objects, as expected, but not with the same content."


def _compare_extensions(expected: Checksums, actual: Checksums) -> Iterator[str]:
    for name in sorted({*expected.extensions, *actual.extensions}):
        before, after = expected.extensions.get(name), actual.extensions.get(name)
        if after is None:
            yield f'Extension "{name}" is missing; version {before} was expected.'
        elif before is None:
            yield f'Extension "{name}" was not expected.'
        elif before != after:
            yield f'Extension "{name}" has version {after}; {before} was expected.'


_COMPARISONS: Final[dict[str, Callable[[Checksums, Checksums], Iterator[str]]]] = {
    "tables": _compare_tables,
    "sequences": _compare_sequences,
    "large_objects": _compare_large_objects,
    "extensions": _compare_extensions,
}
