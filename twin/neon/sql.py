"""Roles and databases in the PostgreSQL server of a Neon branch. Every function may be repeated."""

from typing import LiteralString

import psycopg
from psycopg import sql

from postgres_server.cluster import Cluster

OWNERS = "neon_superuser"
"""Every role that is created through Neon's API is a member of this role."""

_OWNERS_PRIVILEGES = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_monitor",
    "pg_signal_backend",
    "pg_create_subscription",
    "pg_maintain",
)


def ensure_role(cluster: Cluster, name: str, password: str) -> None:
    """Create a role as Neon's API does, or set its password. Source: neon.com/docs, "Manage roles"."""
    owners = sql.Identifier(OWNERS)
    with cluster.connect() as connection:
        if not has_role(cluster, OWNERS, connection):
            privileges = sql.SQL(", ").join(map(sql.Identifier, _OWNERS_PRIVILEGES))
            connection.execute(
                sql.SQL("CREATE ROLE {} NOLOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS").format(owners)
            )
            connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(privileges, owners))
        role = sql.Identifier(name)
        if not has_role(cluster, name, connection):
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS PASSWORD {}").format(
                role, sql.Literal(password)
            )
        )
        connection.execute(sql.SQL("GRANT {} TO {}").format(owners, role))


def drop_role(cluster: Cluster, name: str, new_owner: str) -> None:
    """Drop a role: its objects go to `new_owner`, its privileges are revoked."""
    with cluster.connect() as connection:
        if not has_role(cluster, name, connection):
            return
        databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (database,) in databases:
        with cluster.connect(database) as connection:
            names = {"role": sql.Identifier(name), "new_owner": sql.Identifier(new_owner)}
            connection.execute(sql.SQL("REASSIGN OWNED BY {role} TO {new_owner}").format(**names))
            connection.execute(sql.SQL("DROP OWNED BY {role}").format(**names))
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))


def has_role(cluster: Cluster, name: str, connection: psycopg.Connection | None = None) -> bool:
    return _has(cluster, "SELECT 1 FROM pg_roles WHERE rolname = %s", name, connection)


def ensure_database(cluster: Cluster, name: str, owner: str) -> None:
    with cluster.connect() as connection:
        names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
        if not has_database(cluster, name, connection):
            connection.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))
        else:
            connection.execute(sql.SQL("ALTER DATABASE {name} OWNER TO {owner}").format(**names))


def rename_database(cluster: Cluster, old: str, new: str) -> None:
    """Rename a database after ending its sessions, as the restart of the endpoint does at Neon."""
    with cluster.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (old,)
        )
        names = {"old": sql.Identifier(old), "new": sql.Identifier(new)}
        connection.execute(sql.SQL("ALTER DATABASE {old} RENAME TO {new}").format(**names))


def drop_database(cluster: Cluster, name: str) -> None:
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def has_database(cluster: Cluster, name: str, connection: psycopg.Connection | None = None) -> bool:
    return _has(cluster, "SELECT 1 FROM pg_database WHERE datname = %s", name, connection)


def _has(cluster: Cluster, query: LiteralString, name: str, connection: psycopg.Connection | None) -> bool:
    if connection is None:
        with cluster.connect() as own:
            return _has(cluster, query, name, own)
    return connection.execute(query, (name,)).fetchone() is not None
