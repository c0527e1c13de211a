"""
The fingerprint of everything in a database that is not rows.

Each object becomes a text that is the same in the source and in a copy that a dump was restored into. It is
meant for a copy on the same major version: a newer server may word the same definition differently.

Not told: subscriptions (only a superuser may read them), tablespaces, members of extensions, and what is no
part of the database, such as its own settings and privileges (recovery.postgres.cluster has those).
"""

import hashlib
import re
from collections.abc import Iterable
from typing import LiteralString

import psycopg
from psycopg import sql

from recovery.postgres.catalog_objects import ATTRIBUTES, OBJECTS
from recovery.postgres.catalog_relations import RELATIONS
from toolchain.failure import Failure

_COMMON: LiteralString = """
    WITH member AS MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    space AS MATERIALIZED (
        SELECT n.*, {whole} AND NOT EXISTS (
            SELECT FROM member m WHERE m.classid = n.tableoid AND m.objid = n.oid) AS own
        FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
    relation AS MATERIALIZED (
        SELECT c.*, format('%I.%I', s.nspname, c.relname) AS label
        FROM pg_class c JOIN space s ON s.oid = c.relnamespace
        WHERE c.relpersistence <> 't' AND ({whole} OR c.oid = ANY({chosen}::oid[]))
          AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = c.tableoid AND m.objid = c.oid)),
    type AS MATERIALIZED (
        SELECT t.*, format('%I.%I', s.nspname, t.typname) AS label
        FROM pg_type t JOIN space s ON s.oid = t.typnamespace
        WHERE {whole} AND t.typtype <> 'm'
          -- Neither the arrays that come with each type nor the row types that come with each table.
          AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
          AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)),
    routine AS MATERIALIZED (
        SELECT p.* FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
        WHERE {whole}
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
          -- Constructors of range types come with those.
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = p.tableoid AND d.objid = p.oid
                          AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass))
"""

_LITERAL = r"E?'(?:[^']|'')*'::[^'\[\],()]+(?:\(\d+\))?"
_CAST_ARRAY = re.compile(rf"\(ARRAY\[({_LITERAL}(?:, {_LITERAL})*)\]\)::([^'\[\],()]+(?:\(\d+\))?)\[\]")
_ELEMENT = re.compile(_LITERAL)


def definitions(connection: psycopg.Connection, chosen: list[int] | None = None) -> dict[str, list[str]]:
    """
    Return the definitions of every kind, sorted. They may hold secrets, as a function's body may.

    Args:
        connection: Of recovery.postgres.snapshot, whose settings make the texts comparable.
        chosen: Object ids of the relations to tell about (see chosen); None is the whole database.
    """
    queries: dict[str, LiteralString] = {**RELATIONS, **ATTRIBUTES, **(OBJECTS if chosen is None else {})}
    whole = sql.Literal(chosen is None)
    common = sql.SQL(_COMMON).format(whole=whole, chosen=sql.Literal(chosen or []))
    return {kind: _lines(connection, common, whole, query) for kind, query in sorted(queries.items())}


def extensions(connection: psycopg.Connection) -> dict[str, str]:
    """Return the versions of the extensions by name."""
    return dict(connection.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall())


def fingerprint(lines: Iterable[str]) -> str:
    """Return the SHA-256 of definitions; no line holds the byte that separates them."""
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()


def settled(definition: str) -> str:
    """
    Write `(ARRAY['a'::varchar])::text[]` as `ARRAY[('a'::varchar)::text]`.

    The first is how a server words `column IN ('a')` for a varchar column; reading that back from a dump, it
    words it as the second.
    """

    def spread(array: re.Match[str]) -> str:
        elements, target = array.groups()
        return f"ARRAY[{_ELEMENT.sub(lambda element: f'({element[0]})::{target}', elements)}]"

    return _CAST_ARRAY.sub(spread, definition)


def _lines(
    connection: psycopg.Connection, common: sql.Composed, whole: sql.Literal, query: LiteralString
) -> list[str]:
    # Queries without a placeholder have braces of their own.
    told = sql.SQL(query).format(whole=whole) if "{whole}" in query else sql.SQL(query)
    lines = [line for (line,) in connection.execute(common + sql.SQL(" ") + told)]
    if None in lines:
        # The server words an object as it is now, not as in the snapshot; pg_dump has the same trouble.
        raise Failure(
            "something was dropped while its definition was read.",
            "run this again when nobody alters the schema.",
        )
    return sorted(map(settled, lines))
