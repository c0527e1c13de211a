"""
The fingerprint of everything in a database that is not rows.

Each object becomes a text that is the same in the source and in a copy that a dump was restored into. It is
meant for a copy on the same major version: a newer server may word the same definition differently.

Not told: subscriptions (only a superuser may read them), tablespaces, members of extensions, and what is no
part of the database, such as its own settings and privileges (recovery.postgres.globals_restore has those).
"""

import hashlib
import re
from collections.abc import Iterable
from typing import LiteralString

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.catalog_objects import ATTRIBUTES, OBJECTS

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


# Tablespaces are left out: they are directories of one server. So is how a column came to be inherited: an
# attached partition and one that was created as such are the same.
_TABLES = """
    SELECT concat_ws(' ', r.label, r.relkind, r.relpersistence, 'USING ' || m.amname,
        'WITH ' || (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) AS o),
        'TOAST ' || (SELECT string_agg(o, ',' ORDER BY o) FROM pg_class t, unnest(t.reloptions) AS o
                     WHERE t.oid = r.reltoastrelid),
        'OF ' || format_type(nullif(r.reloftype, 0), NULL), 'REPLICA IDENTITY ' || r.relreplident::text,
        CASE WHEN r.relrowsecurity THEN 'ROW SECURITY' END,
        CASE WHEN r.relforcerowsecurity THEN 'FORCED' END,
        'PARTITION BY ' || CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
        pg_get_expr(r.relpartbound, r.oid),
        'INHERITS ' || (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
                        FROM pg_inherits i WHERE i.inhrelid = r.oid),
        (SELECT format('SERVER %I %s', s.srvname, f.ftoptions)
         FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid))
    FROM relation r LEFT JOIN pg_am m ON m.oid = r.relam WHERE r.relkind IN ('r', 'p', 'f')
"""

# A table that inherits gets its columns in another order from a dump: first those that it inherits.
_COLUMNS = """
    SELECT concat_ws(' ', r.label, quote_ident(a.attname),
        CASE WHEN r.relispartition OR NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid)
             THEN '#' || row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum) END,
        format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation NOT IN (0, t.typcollation)
             THEN 'COLLATE ' || a.attcollation::regcollation END,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'IDENTITY ' || nullif(a.attidentity::text, ''), 'GENERATED ' || nullif(a.attgenerated::text, ''),
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
        'STORAGE ' || a.attstorage::text, 'COMPRESSION ' || nullif(a.attcompression::text, ''),
        'STATISTICS ' || nullif(a.attstattarget, -1), 'WITH ' || a.attoptions::text,
        'OPTIONS ' || a.attfdwoptions::text)
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND a.attnum > 0 AND NOT a.attisdropped
"""

# NOT NULL is said with the columns; servers before 18 have no constraint for it. Foreign keys that follow
# from a partitioned table's own have names that the server made up.
_CONSTRAINTS = """
    SELECT concat_ws(' ', r.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
    WHERE c.contype NOT IN ('t', 'n') AND NOT (c.contype = 'f' AND c.conparentid <> 0)
    UNION ALL
    SELECT concat_ws(' ', t.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN type t ON t.oid = c.contypid WHERE c.contype <> 'n'
"""

# An invalid index, left by a CREATE INDEX CONCURRENTLY that failed, is not dumped.
_INDEXES = """
    SELECT concat_ws(' ', pg_get_indexdef(i.indexrelid),
        CASE WHEN i.indisclustered THEN 'CLUSTERED' END,
        CASE WHEN i.indisreplident THEN 'REPLICA IDENTITY' END,
        'PART OF ' || (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
        'STATISTICS ' || (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum)
                          FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
    FROM pg_index i JOIN relation r ON r.oid = i.indrelid
    WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')
"""

_TRIGGERS = """
    SELECT concat_ws(' ', pg_get_triggerdef(t.oid), 'ENABLED ' || t.tgenabled::text)
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
"""

_RULES = """
    SELECT concat_ws(' ', pg_get_ruledef(w.oid), 'ENABLED ' || w.ev_enabled::text)
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
"""

_VIEWS = """
    SELECT concat_ws(' ', r.label, r.relkind,
        (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) AS o),
        CASE WHEN r.relkind = 'm' AND NOT r.relispopulated THEN 'NOT POPULATED' END, pg_get_viewdef(r.oid))
    FROM relation r WHERE r.relkind IN ('v', 'm')
"""

_POLICIES = """
    SELECT concat_ws(' ', r.label, quote_ident(p.polname), p.polcmd,
        CASE WHEN NOT p.polpermissive THEN 'RESTRICTIVE' END,
        'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ','
                                    ORDER BY pg_get_userbyid(o)) FROM unnest(p.polroles) AS o),
        'USING ' || pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
"""

_SEQUENCES = """
    SELECT concat_ws(' ', r.label, r.relpersistence, format_type(s.seqtypid, NULL), s.seqstart,
        s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
        (SELECT format('OWNED BY %s.%I', a.attrelid::regclass, a.attname)
         FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    FROM pg_sequence s JOIN relation r ON r.oid = s.seqrelid
"""

# In some versions -1, in others NULL is what no target is.
_STATISTICS = """
    SELECT concat_ws(' ', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1))
    FROM pg_statistic_ext s JOIN relation r ON r.oid = s.stxrelid
"""

RELATIONS: dict[str, LiteralString] = {
    "tables": _TABLES,
    "columns": _COLUMNS,
    "constraints": _CONSTRAINTS,
    "indexes": _INDEXES,
    "triggers": _TRIGGERS,
    "rules": _RULES,
    "views": _VIEWS,
    "policies": _POLICIES,
    "sequences": _SEQUENCES,
    "statistics": _STATISTICS,
}
"""Kind -> query. With selected tables they tell of these alone."""
