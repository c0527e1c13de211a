"""The database of a `RestoreServer`: its encoding and locale, its extensions, an owner with few rights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

OWNER: Final = "bulwark_owner"
"""The role that restores: it owns the database, and may neither read files nor run programs."""

ALLOWED_EXTENSIONS: Final = frozenset(
    (
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dict_int",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_stat_statements",
        "pg_trgm",
        "pgcrypto",
        "plpgsql",
        "seg",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "vector",
    )
)
"""
Extensions that are made for a dump that had them. None reads a file, runs a program, opens a connection or
brings a language.
"""

_GRANTED_ROLES: Final = (
    "pg_checkpoint",
    "pg_maintain",
    "pg_monitor",
    "pg_read_all_data",
    "pg_signal_autovacuum_worker",
    "pg_signal_backend",
    "pg_use_reserved_connections",
    "pg_write_all_data",
)
"""
PostgreSQL's own roles that the owner may grant to a source's roles. The others reach files, programs or other
servers: pg_execute_server_program, pg_read_server_files, pg_write_server_files, pg_create_subscription.
"""

_TEMPLATES: Final = frozenset(("template0", "template1"))


class DatabaseLocale(NamedTuple):
    """Encoding and locale of a source. Each is "" if it isn't known."""

    encoding: str
    provider: str
    """libc, icu or builtin."""

    collate: str
    """LC_COLLATE of the provider libc."""

    ctype: str
    locale: str
    """Of the other two providers."""

    icu_rules: str


class RequiredExtension(NamedTuple):
    """An extension of the source."""

    name: str
    schema: str
    version: str


@dataclass(frozen=True)
class DatabaseSpec:
    """The database that a dump needs."""

    name: str
    locale: DatabaseLocale
    extensions: Sequence[RequiredExtension] = ()

    @property
    def database(self) -> str:
        """Name of the database here: the source's, unless PostgreSQL has it for its templates."""
        return f"{self.name}_restored" if self.name in _TEMPLATES else self.name


def create_owner(connection: psycopg.Connection, password: str) -> None:
    """
    Create the role that restores, as the superuser.

    It may create roles and act as them. It has REPLICATION and BYPASSRLS only to give them to a source's
    roles and to read every row: the server takes no replication connection.
    """
    owner = sql.Identifier(OWNER)
    digest = connection.pgconn.encrypt_password(password.encode(), OWNER.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL(
            "CREATE ROLE {} LOGIN NOSUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS PASSWORD {}"
        ).format(owner, digest)
    )
    connection.execute(sql.SQL("ALTER ROLE {} SET createrole_self_grant = 'set, inherit'").format(owner))
    connection.execute(
        sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(
            sql.SQL(", ").join(map(sql.Identifier, _GRANTED_ROLES)), owner
        )
    )


def create_database(connection: psycopg.Connection, spec: DatabaseSpec) -> list[str]:
    """
    Create the database, as the superuser, with the source's encoding and locale.

    Return a note if this server does not have that locale. The order of texts then differs from the source's.
    """
    name = sql.Identifier(spec.database)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
    create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} {}")
    encoding = spec.locale.encoding or "UTF8"
    refusal, fallback = "", _fallback_clauses(encoding)
    for clauses in (*_source_clauses(spec.locale), fallback):
        try:
            connection.execute(create.format(name, sql.Identifier(OWNER), sql.Literal(encoding), clauses))
        except psycopg.DatabaseError as error:
            if clauses == fallback:
                raise
            refusal = error.diag.message_primary or str(error)
        else:
            return [_fallback_note(spec.locale, refusal)] if refusal and clauses == fallback else []
    return []


def create_extensions(connection: psycopg.Connection, spec: DatabaseSpec) -> list[str]:
    """Create the allowed extensions in the new database, as the superuser; return a note per other one."""
    offered = {
        name: set(versions)
        for name, versions in connection.execute(
            "SELECT name, array_agg(version) FROM pg_catalog.pg_available_extension_versions GROUP BY name"
        )
    }
    present = {name for (name,) in connection.execute("SELECT extname FROM pg_catalog.pg_extension")}
    notes: list[str] = []
    for extension in spec.extensions:
        if extension.name in present:
            continue
        if extension.name not in offered:
            notes.append(f"this machine's server does not have the extension {extension.name}")
        elif extension.name not in ALLOWED_EXTENSIONS:
            notes.append(f"the extension {extension.name} may do more than a restored dump is allowed to")
        else:
            notes += _create_extension(connection, extension, offered[extension.name])
    return notes


def _create_extension(
    connection: psycopg.Connection, extension: RequiredExtension, versions: set[str]
) -> Iterator[str]:
    schema = sql.Identifier(extension.schema)
    if not extension.schema.startswith("pg_"):
        connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(schema, sql.Identifier(OWNER))
        )
    statement = sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(extension.name), schema)
    if extension.version in versions:
        statement += sql.SQL(" VERSION {}").format(sql.Literal(extension.version))
    else:
        yield f"the extension {extension.name} has not its version {extension.version} on this machine"
    connection.execute(statement + sql.SQL(" CASCADE"))


def _source_clauses(locale: DatabaseLocale) -> Iterator[sql.Composable]:
    match locale.provider:
        case "libc":
            yield sql.SQL("LOCALE_PROVIDER libc LC_COLLATE {} LC_CTYPE {}").format(
                sql.Literal(locale.collate), sql.Literal(locale.ctype or locale.collate)
            )
        case "builtin" | "icu":
            provider = sql.SQL(
                "LOCALE_PROVIDER builtin BUILTIN_LOCALE {}"
                if locale.provider == "builtin"
                else "LOCALE_PROVIDER icu ICU_LOCALE {}"
            ).format(locale.locale)
            if locale.icu_rules:
                provider += sql.SQL(" ICU_RULES {}").format(sql.Literal(locale.icu_rules))
            # With these providers the library's locale orders nothing; C exists everywhere.
            for ctype in (locale.ctype or "C", "C"):
                yield provider + sql.SQL(" LC_COLLATE {0} LC_CTYPE {0}").format(sql.Literal(ctype))
        case _:
            pass


def _fallback_clauses(encoding: str) -> sql.Composable:
    if encoding == "UTF8":
        return sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'")
    return sql.SQL("LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'")


def _fallback_note(locale: DatabaseLocale, refusal: str) -> str:
    wanted = locale.locale or locale.collate
    given = "C.UTF-8" if (locale.encoding or "UTF8") == "UTF8" else "C"
    return (
        f"the server on this machine can't use the source's locale {wanted} of {locale.provider}, so texts "
        f"are ordered and folded as in {given} ({refusal})"
    )
