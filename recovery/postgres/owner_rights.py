"""The right of owners to create, which a restore without superuser rights needs for a while."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from recovery.postgres.connection import connect

_MAY: Final = """
    SELECT NOT rolsuper AND rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_FIRST_OWN_OID: Final = 16384
_OWNERS: Final = """
    SELECT rolname FROM pg_catalog.pg_roles
    WHERE oid >= %s AND NOT rolsuper AND rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER')
"""
_SCHEMAS: Final = """
    SELECT nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND pg_has_role(current_user, nspowner, 'USAGE')
"""
_DATABASE: Final = """
    SELECT datname FROM pg_catalog.pg_database
    WHERE datname = current_database() AND pg_has_role(current_user, datdba, 'USAGE')
"""

# Of this database, and of databases that exist no more: a restore of another one may be running.
_OWN_ROLES: Final = """
    SELECT rolname FROM pg_catalog.pg_roles
    WHERE rolname ~ '^bulwark_restore_[0-9]{1,10}$' AND pg_has_role(current_user, oid, 'MEMBER')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_database d
            WHERE d.datname <> current_database() AND rolname = 'bulwark_restore_' || d.oid)
"""
_OID: Final = "SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()"


@contextmanager
def let_owners_create(url: str) -> Generator[None]:
    """
    Let every role that this session can act as create objects while the block runs.

    They may in all schemas and, for publications, in the database.

    `ALTER ... OWNER TO` asks that of the new owner unless a superuser gives the object away, and a source has
    objects whose owner may create nothing beside them any more. The right comes through a role of its own,
    with which it goes. A superuser doesn't need it, and a role without CREATEROLE can't give it. What a
    killed restore has left is taken away first.
    """
    with connect(url) as connection:
        row = connection.execute(_MAY).fetchone()
        may = bool(row and row[0])
        if may:
            _take_away(connection)
            _give(connection)
    try:
        yield
    finally:
        if may:
            with connect(url) as connection:
                _take_away(connection)


def _take_away(connection: psycopg.Connection) -> None:
    for (name,) in connection.execute(_OWN_ROLES).fetchall():
        role = sql.Identifier(name)
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def _give(connection: psycopg.Connection) -> None:
    [(oid,)] = connection.execute(_OID).fetchall()
    role = sql.Identifier(f"bulwark_restore_{oid}")
    owners = [name for (name,) in connection.execute(_OWNERS, (_FIRST_OWN_OID,))]
    schemas = [name for (name,) in connection.execute(_SCHEMAS)]
    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    for schema in schemas:
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA {} TO {}").format(sql.Identifier(schema), role))
    for (database,) in connection.execute(_DATABASE).fetchall():
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database), role)
        )
    connection.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO {}").format(role))
    for owner in owners:
        connection.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(owner)))
