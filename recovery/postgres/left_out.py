"""
What a backup of a database does not hold, by kind and name with the reason.

Not listed is what no backup of any database holds: the server's configuration (postgresql.conf, pg_hba.conf,
ALTER SYSTEM), statistics, the write-ahead log, and the database `postgres`, which every server has.
"""

from collections.abc import Iterable
from typing import Final

import psycopg

from core.text import printable
from recovery.manifest import LeftOut
from recovery.postgres.globals import Globals, is_vendor_role

_SHOWN_NAMES: Final = 5

_REASONS: Final = {
    "subscription": "only a superuser can dump it",
    "options of user mapping": "only a superuser and the server's owner can read them",
    "passwords of role": "they are not stored; the role gets a new one after the restore",
    "role": "it can't connect to the database, or has nothing in it",
    "contents of materialized view": "its rows are computed anew by the restore",
    "rows of foreign table": "they are on the foreign server",
    "rows of unlogged table": "a standby server does not have them",
    "rows of extension table": "the extension does not mark them as data, and makes the table anew",
    "invalid index": "it was not completed; drop it, or create it again",
    "system schema object": "a dump leaves out what is in pg_catalog and information_schema",
    "prepared transaction": "it was neither committed nor rolled back",
    "replication slot": "it belongs to the server, and its position would be void",
    "replication origin": "it belongs to the server",
    "security label": "a dump holds no labels of databases and roles",
    "tablespace": "it is a folder of the server; what was in it comes back in the default tablespace",
    "database property": "it is set when the copy is taken into use",
    "other database": "each database has backups of its own",
}
"""Kind -> why it is left out. A kind is a noun, or what is left out `of` a noun; the noun is singular."""

_FIND: Final = """
    WITH database AS (SELECT oid, datdba FROM pg_catalog.pg_database WHERE datname = current_database()),
    session AS (SELECT oid, rolname, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    member AS MATERIALIZED (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'),
    relation AS MATERIALIZED (
        SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS label,
            EXISTS (SELECT FROM member m WHERE m.classid = c.tableoid AND m.objid = c.oid) AS is_member
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^pg_toast'),
    system AS (
        SELECT oid, nspname FROM pg_catalog.pg_namespace
        WHERE nspname IN ('pg_catalog', 'information_schema'))
    SELECT 'subscription' AS kind, quote_ident(s.subname) AS name
    FROM pg_catalog.pg_subscription s, database d, session WHERE s.subdbid = d.oid AND NOT session.rolsuper
    UNION ALL
    -- The view shows the options under the same conditions, and NULL otherwise or if there are none.
    SELECT 'options of user mapping', format('%I on %I', m.usename, m.srvname)
    FROM pg_catalog.pg_user_mappings m JOIN pg_catalog.pg_foreign_server s ON s.oid = m.srvid, session
    WHERE NOT session.rolsuper AND NOT CASE
        WHEN m.umuser = 0 THEN pg_has_role(s.srvowner, 'USAGE')
        ELSE m.usename = session.rolname
            AND (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE')) END
    UNION ALL
    SELECT 'contents of materialized view', r.label
    FROM relation r WHERE r.relkind = 'm' AND r.relispopulated AND NOT r.is_member
    UNION ALL
    SELECT 'rows of foreign table', r.label FROM relation r WHERE r.relkind = 'f' AND NOT r.is_member
    UNION ALL
    SELECT 'rows of unlogged table', r.label FROM relation r
    WHERE r.relkind = 'r' AND r.relpersistence = 'u' AND pg_is_in_recovery()
    UNION ALL
    SELECT 'rows of extension table', r.label FROM relation r
    WHERE r.relkind = 'r' AND r.is_member AND pg_relation_size(r.oid) > 0
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE r.oid = ANY(e.extconfig))
    UNION ALL
    SELECT 'invalid index', format('%I.%I', r.nspname, x.relname)
    FROM pg_catalog.pg_index i JOIN relation r ON r.oid = i.indrelid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE NOT i.indisready OR (NOT i.indisvalid AND r.relkind <> 'p')
    UNION ALL
    SELECT 'system schema object', r.label FROM relation r JOIN system s ON s.oid = r.relnamespace
    WHERE NOT r.is_member AND r.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    UNION ALL
    SELECT 'system schema object', p.oid::regprocedure::text
    FROM pg_catalog.pg_proc p JOIN system s ON s.oid = p.pronamespace
    WHERE p.oid >= 16384
        AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
    UNION ALL
    SELECT 'system schema object', format('%I.%I', s.nspname, t.typname)
    FROM pg_catalog.pg_type t JOIN system s ON s.oid = t.typnamespace
    WHERE t.oid >= 16384 AND t.typtype IN ('b', 'd', 'e', 'r') AND t.typelem = 0
        AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)
    UNION ALL
    SELECT 'prepared transaction', gid FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT 'replication slot', quote_ident(slot_name) FROM pg_catalog.pg_replication_slots
    WHERE database = current_database() AND NOT temporary
    UNION ALL
    -- A subscription's origin is named after its object id.
    SELECT 'replication origin', quote_ident(roname)
    FROM pg_catalog.pg_replication_origin WHERE roname !~ '^pg_[0-9]+'
    UNION ALL
    SELECT 'security label', format('%s of database %I', l.provider, current_database())
    FROM pg_catalog.pg_shseclabel l, database d
    WHERE l.classoid = 'pg_catalog.pg_database'::regclass AND l.objoid = d.oid
    UNION ALL
    SELECT 'security label', format('%s of role %I', l.provider, r.rolname)
    FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_roles r ON r.oid = l.objoid
    WHERE l.classoid = 'pg_catalog.pg_authid'::regclass
    UNION ALL
    SELECT 'role', rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'
    UNION ALL
    SELECT 'other database', datname FROM pg_catalog.pg_database
    WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())
"""
"""Kind and name of everything of the kinds that the catalogs tell."""


def find_left_out(connection: psycopg.Connection, source_globals: Globals) -> tuple[LeftOut, ...]:
    """
    Return what a backup of the connection's whole database leaves out.

    Args:
        connection: of the role that runs pg_dump.
        source_globals: what the backup holds beside its dump.
    """
    held = {role.name for role in source_globals.roles}
    found = [
        (kind, name)
        for kind, name in connection.execute(_FIND)
        if not (kind == "role" and (name in held or is_vendor_role(name)))
        and not (kind == "other database" and is_vendor_role(name))
    ]
    found += [
        ("passwords of role", role.name)
        for role in source_globals.roles
        if role.logs_in and not is_vendor_role(role.name)
    ]
    tablespaces = {*source_globals.tablespaces, source_globals.tablespace} - {"pg_default"}
    found += [("tablespace", name) for name in tablespaces]
    if source_globals.is_template:
        found.append(("database property", "IS_TEMPLATE"))
    kinds = list(_REASONS)
    found.sort(key=lambda item: (kinds.index(item[0]), item[1]))
    return tuple(LeftOut(kind=kind, name=name, why=_REASONS[kind]) for kind, name in found)


def summarize_left_out(left_out: Iterable[LeftOut], *, reasons: bool = False) -> list[str]:
    """Return one phrase per kind with the first names, such as "2 subscriptions (a, b)", and the reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for item in left_out:
        names.setdefault((item.kind, item.why), []).append(item.name)
    return [
        printable(f"{_count(kind, len(all_))} ({_join_first(all_)})" + (f": {why}" if reasons else ""))
        for (kind, why), all_ in names.items()
    ]


def _count(kind: str, count: int) -> str:
    part, of, noun = kind.rpartition(" of ")
    return f"{part}{of}{count} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def _join_first(names: list[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
