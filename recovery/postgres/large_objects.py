"""
Grants by which the backup role reads large objects, those that there are and those to come.

`pg_read_all_data` does not cover large objects, and `pg_dump` stops at the first one that it may not read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from core.text import printable
from recovery.postgres.connection import connect, large_object_grants

_DEFAULTS_SINCE: Final = 18
"""The major version of PostgreSQL that knows default privileges for large objects."""

_BATCH: Final = 500
"""A statement locks each of its objects, and a server has room for some thousands of locks."""

_MAY_READ: Final = sql.SQL("""
    (pg_catalog.pg_has_role(%(role)s, {owner}, 'USAGE') OR EXISTS (
        SELECT FROM pg_catalog.aclexplode({acl}) AS g
        WHERE g.privilege_type = 'SELECT'
          AND (g.grantee = 0 OR pg_catalog.pg_has_role(%(role)s, g.grantee, 'USAGE'))))
""")
_UNREADABLE: Final = sql.SQL("""
    SELECT l.oid, pg_catalog.pg_has_role(l.lomowner, 'USAGE'), pg_catalog.pg_get_userbyid(l.lomowner)
    FROM pg_catalog.pg_largeobject_metadata l WHERE NOT {may_read} ORDER BY l.oid
""").format(may_read=_MAY_READ.format(owner=sql.SQL("l.lomowner"), acl=sql.SQL("l.lomacl")))
_READS_NEW: Final = sql.SQL("""
    SELECT pg_catalog.pg_has_role(%(role)s, current_user, 'USAGE') OR EXISTS (
        SELECT FROM pg_catalog.pg_default_acl d
        WHERE d.defaclobjtype = 'L' AND pg_catalog.pg_get_userbyid(d.defaclrole) = current_user
          AND {may_read})
""").format(may_read=_MAY_READ.format(owner=sql.SQL("d.defaclrole"), acl=sql.SQL("d.defaclacl")))
_EXIST: Final = sql.SQL("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)")


@dataclass(frozen=True)
class LargeObjectGrants:
    """What the backup role was granted, and one phrase for each thing that could not be granted."""

    objects: int = 0
    """Large objects that it may read from now on and might not before."""

    is_default_new: bool = False
    """Whether from now on it may read those that the owner makes, and might not before."""

    missing: tuple[str, ...] = ()


def grant_large_objects(owner_url: str, backup_role: str) -> LargeObjectGrants:
    """
    Let the backup role read the large objects of the role in `owner_url`; what it may read already stays.

    Raises:
        Failure: the database can't be reached, or refused a statement.
    """
    with connect(owner_url) as connection:
        try:
            return _grant(connection, backup_role)
        except psycopg.Error as error:
            raise Failure(
                f"{backup_role} could not be allowed to read the large objects.",
                f"run this again, or do it by hand. {large_object_grants(backup_role)}",
                error.diag.message_primary or "\n".join(str(error).splitlines()[:3]),
            ) from error


def _grant(connection: psycopg.Connection, backup_role: str) -> LargeObjectGrants:
    role = sql.Identifier(backup_role)
    major = connection.info.server_version // 10_000
    reads_new = _fetch_bool(connection, _READS_NEW, backup_role)
    is_default_new = not reads_new and major >= _DEFAULTS_SINCE
    if is_default_new:
        # Before the list of those that there are, so that none is made between the two.
        connection.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO {}").format(role)
        )
    oids: list[int] = []
    others: dict[str, int] = {}
    for oid, is_ours, owner in connection.execute(_UNREADABLE, {"role": backup_role}):
        if is_ours:
            oids.append(oid)
        else:
            others[owner] = others.get(owner, 0) + 1
    for begin in range(0, len(oids), _BATCH):
        objects = sql.SQL(", ").join(map(sql.Literal, oids[begin : begin + _BATCH]))
        connection.execute(sql.SQL("GRANT SELECT ON LARGE OBJECT {} TO {}").format(objects, role))
    missing = describe_missing(
        major, backup_role, others, reads_new=reads_new, exist=_fetch_bool(connection, _EXIST, backup_role)
    )
    return LargeObjectGrants(len(oids), is_default_new, tuple(missing))


def describe_missing(
    major: int, backup_role: str, others: Mapping[str, int], *, reads_new: bool, exist: bool
) -> Iterator[str]:
    """
    Yield a phrase for each thing that the owner can't grant.

    Args:
        major: version of the server.
        backup_role: the role that was granted the rest.
        others: number of unreadable large objects by their owners, as whom the owner may not act.
        reads_new: whether the backup role might read what the owner makes before anything was granted.
        exist: whether there is any large object; where there is none, nothing is said of those to come.
    """
    for name, count in others.items():
        owner = printable(name)
        yield (
            f"{backup_role} may not read {count} large object{'' if count == 1 else 's'} of {owner}, and "
            f"backups fail until {owner} allows it. {large_object_grants(backup_role)}"
        )
    if exist and not reads_new and major < _DEFAULTS_SINCE:
        yield (
            f"PostgreSQL {major} can't grant large objects to come: after a new one backups fail until "
            f"./bulwark up runs again. They never do if {backup_role} is a member of the owner's role."
        )


def _fetch_bool(connection: psycopg.Connection, query: sql.SQL | sql.Composed, role: str) -> bool:
    row = connection.execute(query, {"role": role}).fetchone()
    return bool(row and row[0])
