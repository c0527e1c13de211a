"""
Definitions of everything in a database except rows, as texts, and their fingerprint.

An object's text is the same in the source and in a copy that was restored from a dump, on the same major
version: a newer server may word the same definition differently.

Not covered: subscriptions (only a superuser can read them), tablespaces, members of extensions, and the
database's own settings and privileges (recovery.postgres.globals).
"""

import hashlib
import re
from collections.abc import Iterable
from typing import LiteralString

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.catalog_queries import ATTRIBUTES, COMMON, OBJECTS, RELATIONS

_LITERAL = r"E?'(?:[^']|'')*'::[^'\[\],()]+(?:\(\d+\))?"
_CAST_ARRAY = re.compile(rf"\(ARRAY\[({_LITERAL}(?:, {_LITERAL})*)\]\)::([^'\[\],()]+(?:\(\d+\))?)\[\]")
_ELEMENT = re.compile(_LITERAL)


def read_definitions(
    connection: psycopg.Connection, relation_oids: list[int] | None = None
) -> dict[str, list[str]]:
    """
    Return the definitions of every kind, sorted. They may hold secrets, for example in a function's body.

    Args:
        connection: of recovery.postgres.snapshot, whose settings make the texts comparable.
        relation_oids: the selected relations (see select_relations); None is the whole database.
    """
    queries: dict[str, LiteralString] = {
        **RELATIONS,
        **ATTRIBUTES,
        **(OBJECTS if relation_oids is None else {}),
    }
    whole = sql.Literal(relation_oids is None)
    common = sql.SQL(COMMON).format(whole=whole, selected=sql.Literal(relation_oids or []))
    return {kind: _read_lines(connection, common, whole, query) for kind, query in sorted(queries.items())}


def read_extensions(connection: psycopg.Connection) -> dict[str, str]:
    """Return the versions of the extensions by name."""
    return dict(connection.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall())


def fingerprint(lines: Iterable[str]) -> str:
    """Return the SHA-256 of definitions. They are separated by a zero byte, which no definition contains."""
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()


def normalize_array_casts(definition: str) -> str:
    """
    Write `(ARRAY['a'::varchar])::text[]` as `ARRAY[('a'::varchar)::text]`.

    A server words `column IN ('a')` of a varchar column in the first way. When it has read that from a dump,
    it words it in the second.
    """

    def cast_elements(array: re.Match[str]) -> str:
        elements, target = array.groups()
        return f"ARRAY[{_ELEMENT.sub(lambda element: f'({element[0]})::{target}', elements)}]"

    return _CAST_ARRAY.sub(cast_elements, definition)


def _read_lines(
    connection: psycopg.Connection, common: sql.Composed, whole: sql.Literal, query: LiteralString
) -> list[str]:
    # Queries without a placeholder contain braces of array literals.
    statement = sql.SQL(query).format(whole=whole) if "{whole}" in query else sql.SQL(query)
    lines = [line for (line,) in connection.execute(common + sql.SQL(" ") + statement)]
    if None in lines:
        # The server words an object as it is now, not as in the snapshot; pg_dump has the same problem.
        raise Failure(
            "something was dropped while its definition was read.",
            "run this again when nobody alters the schema.",
        )
    return sorted(map(normalize_array_casts, lines))
