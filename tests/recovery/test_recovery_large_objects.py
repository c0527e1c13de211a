"""The backup role may read large objects, those that there are and those to come."""

from collections.abc import Generator
from typing import LiteralString

import psycopg
import pytest
from dump_fixtures import dump_stream, execute, fetch_value
from psycopg import sql
from servers import NewDatabase, database_url

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.large_objects import LargeObjectGrants, describe_missing, grant_large_objects

PASSWORD = "planted-owner-password"
OWNER, OTHER, BACKUP = ROLES = ("lo owner", "lo_other", 'lo "backup"')
PRIVILEGES: LiteralString = """
    SELECT jsonb_build_array(
        (SELECT jsonb_agg((oid, xmin, lomacl)::text ORDER BY oid) FROM pg_largeobject_metadata),
        (SELECT jsonb_agg((oid, xmin, defaclacl)::text ORDER BY oid) FROM pg_default_acl))
"""


@pytest.fixture
def urls(cluster: Cluster, new_database: NewDatabase) -> Generator[dict[str, str]]:
    """Give the URL of one database for each role, and of the superuser as `admin`."""
    admin = new_database("large objects")
    with psycopg.connect(admin, autocommit=True) as connection:

        def execute_for(statement: LiteralString, role: str) -> None:
            name, password = sql.Identifier(role), sql.Literal(PASSWORD)
            connection.execute(sql.SQL(statement).format(role=name, password=password))

        try:
            for role in ROLES:
                execute_for("CREATE ROLE {role} LOGIN PASSWORD {password}", role)
            execute_for('ALTER DATABASE "large objects" OWNER TO {role}', OWNER)
            execute_for("GRANT pg_read_all_data TO {role}", BACKUP)
            yield {"admin": admin} | {
                role: database_url(cluster, "large objects", role, PASSWORD) for role in ROLES
            }
        finally:
            connection.execute('ALTER DATABASE "large objects" OWNER TO CURRENT_USER')
            for role in ROLES:
                execute_for("DROP OWNED BY {role} CASCADE", role)
            for role in ROLES:
                execute_for("DROP ROLE {role}", role)


def dump_as_backup_role(urls: dict[str, str]) -> bytes:
    with dump_stream(urls[BACKUP]) as chunks:
        return b"".join(chunks)


def test_existing_and_new_large_objects_are_dumped_as_the_backup_role(urls: dict[str, str]) -> None:
    """Of more objects than one statement grants."""
    execute(urls[OWNER], "SELECT lo_from_bytea(0, ('existing ' || n)::bytea) FROM generate_series(1, 501) n")
    with pytest.raises(Failure, match="large object"):
        dump_as_backup_role(urls)
    assert grant_large_objects(urls[OWNER], BACKUP) == LargeObjectGrants(501, is_default_new=True)
    execute(urls[OWNER], "SELECT lo_from_bytea(0, 'made later')")
    dumped = dump_as_backup_role(urls)
    for content in (b"existing 1", b"existing 501", b"made later"):
        assert content in dumped


def test_a_second_run_changes_nothing(urls: dict[str, str]) -> None:
    execute(urls[OWNER], "SELECT lo_from_bytea(0, 'one')")
    grant_large_objects(urls[OWNER], BACKUP)
    execute(urls[OWNER], "SELECT lo_from_bytea(0, 'two')")
    before = fetch_value(urls["admin"], PRIVILEGES)
    assert grant_large_objects(urls[OWNER], BACKUP) == LargeObjectGrants()
    assert fetch_value(urls["admin"], PRIVILEGES) == before


def test_a_member_of_the_owners_role_needs_no_grant(urls: dict[str, str]) -> None:
    execute(urls[OWNER], "SELECT lo_from_bytea(0, 'one')")
    execute(urls["admin"], 'GRANT "lo owner" TO "lo ""backup"""')
    assert grant_large_objects(urls[OWNER], BACKUP) == LargeObjectGrants()
    assert b"one" in dump_as_backup_role(urls)


def test_what_belongs_to_another_role_is_named_with_the_grants_that_help(urls: dict[str, str]) -> None:
    """The owner's role may grant for the roles that it is a member of, and for no other."""
    execute(urls[OTHER], "SELECT lo_from_bytea(0, 'of the other')")
    [missing] = grant_large_objects(urls[OWNER], BACKUP).missing
    assert missing.startswith('lo "backup" may not read 1 large object of lo_other, and backups fail until')
    assert """ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO "lo ""backup"\"""" in missing
    execute(urls["admin"], 'GRANT lo_other TO "lo owner"')
    assert grant_large_objects(urls[OWNER], BACKUP) == LargeObjectGrants(1)
    assert b"of the other" in dump_as_backup_role(urls)


@pytest.mark.parametrize(
    ("major", "reads_new", "exist", "phrases"),
    [
        (17, False, True, 1),
        (17, False, False, 0),
        (17, True, True, 0),
        (18, False, True, 0),
    ],
)
def test_before_version_18_what_is_to_come_is_named_where_there_are_large_objects(
    major: int, reads_new: bool, exist: bool, phrases: int
) -> None:
    missing = list(describe_missing(major, BACKUP, {}, reads_new=reads_new, exist=exist))
    assert len(missing) == phrases
    assert all("PostgreSQL 17 can't grant large objects to come" in phrase for phrase in missing)


def test_a_refusal_has_the_statements_to_run_by_hand(urls: dict[str, str]) -> None:
    with pytest.raises(Failure) as raised:
        grant_large_objects(urls[OWNER], "nobody at all")
    assert 'role "nobody at all" does not exist' in str(raised.value)
    assert 'GRANT SELECT ON LARGE OBJECTS TO "nobody at all"' in str(raised.value)
    assert PASSWORD not in str(raised.value)
    with psycopg.connect(urls["admin"]) as connection:
        assert connection.execute("SELECT count(*) FROM pg_default_acl").fetchone() == (0,)
