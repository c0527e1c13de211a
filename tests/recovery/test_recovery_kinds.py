"""
The matrix of kinds of objects: each comes back equal, or is listed as left out; there is no third outcome.

The copy is compared by the text of pg_dump, which is not what a verification compares.
"""

import os
import re
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest
from attesting import SIGN, TRUST
from dump_fixtures import execute
from object_kinds import EXAMPLES, NOT_IN_A_BACKUP
from psycopg import sql
from servers import PASSWORD, NewDatabase, create_database, database_url, drop_database, program_path
from vaults import ProxiedVault

from postgres_server.cluster import Cluster
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.restore import RestoreResult, restore_database
from recovery.verify import CreateScratchDatabase, verify

BACKUP_PASSWORD = "planted-backup-password"
ROLES = ("kinds_backup", "kinds_role")
_HEADER: Final = re.compile(
    r"^-- Name: (?P<name>.*); Type: (?P<type>.*); Schema: (?P<schema>.*); Owner: .*$", re.MULTILINE
)

Entries = dict[tuple[str, str, str], str]
"""Type, schema and name of an object -> the text that pg_dump writes for it, with its owner."""


@dataclass(frozen=True)
class Kinds:
    """A database with an example of each kind, its backup and its copy."""

    manifest: Manifest
    result: RestoreResult
    source: Entries
    copy: Entries


@pytest.fixture
def source(cluster: Cluster, new_database: NewDatabase) -> Generator[str]:
    url = new_database("kinds")
    execute(
        url,
        f"""
        CREATE ROLE kinds_role LOGIN;
        CREATE ROLE kinds_backup LOGIN BYPASSRLS PASSWORD '{BACKUP_PASSWORD}';
        GRANT pg_read_all_data TO kinds_backup;
        """,
    )
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            for name, statements in EXAMPLES.items():
                schema = sql.Identifier(name)
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
                connection.execute(sql.SQL("SET search_path = {}, pg_catalog").format(schema))
                connection.execute(statements)
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON invalid_index.t (a)")
        yield url
    finally:
        execute(url, "DROP SUBSCRIPTION IF EXISTS subscription_s")
        drop_database(cluster, "kinds")
        with psycopg.connect(database_url(cluster, "postgres"), autocommit=True) as connection:
            for role in ROLES:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.fixture
def kinds(
    cluster: Cluster, other_cluster: Cluster, source: str, locked_vault: ProxiedVault, tmp_path: Path
) -> Generator[Kinds]:
    url = database_url(cluster, "kinds", "kinds_backup", BACKUP_PASSWORD)
    vault = locked_vault.client
    manifest = back_up(
        RecoveryContext("test", url, {"primary": vault, "replica": vault}, {}, {}, TRUST, SIGN)
    )
    create_database(other_cluster, "kinds")
    copy = database_url(other_cluster, "kinds")
    try:
        result = restore_database(manifest, vault, copy, folder=tmp_path)
        yield Kinds(manifest, result, dump_entries(cluster, source), dump_entries(other_cluster, copy))
    finally:
        drop_database(other_cluster, "kinds")
        with psycopg.connect(database_url(other_cluster, "postgres"), autocommit=True) as connection:
            for role in ROLES:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def dump_entries(server: Cluster, url: str) -> Entries:
    """Return what pg_dump, run by a superuser, writes for each object without rows."""
    unstable = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)
    ended = subprocess.run(
        [program_path(server, "pg_dump"), "--schema-only", "--dbname", url],
        env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    headers = list(_HEADER.finditer(ended.stdout))
    ends = [header.start() for header in headers[1:]] + [len(ended.stdout)]
    entries: Entries = {}
    for header, end in zip(headers, ends, strict=True):
        key = (header["type"], header["schema"], header["name"])
        # pg_dump ends the last entry with a key that it draws for each run.
        entries[key] = unstable.sub("", ended.stdout[header.start() : end])
    return entries


def belongs_to(key: tuple[str, str, str], example: str) -> bool:
    kind, schema, name = key
    return schema == example or (re.search(rf"\b{example}(_\w)?\b", name) is not None and kind != "SCHEMA")


def test_each_kind_of_object_comes_back_equal_or_is_listed(kinds: Kinds) -> None:
    assert len(EXAMPLES) > 60
    listed = {(item.kind, item.name) for item in kinds.manifest.left_out}
    missing = "\n".join([*kinds.result.failed, *kinds.result.left_out])
    lost: list[str] = []
    for example in EXAMPLES:
        entries = {key for key in kinds.source if belongs_to(key, example)}
        assert entries, f"{example} makes nothing"
        different = {key for key in entries if kinds.source[key] != kinds.copy.get(key)}
        excused = {key for key in different if example in NOT_IN_A_BACKUP or key[2] in missing}
        lost += [f"{example}: {key}" for key in sorted(different - excused)]
        if example in NOT_IN_A_BACKUP and NOT_IN_A_BACKUP[example] not in listed:
            lost.append(f"{example}: {NOT_IN_A_BACKUP[example]} is not listed")
    assert lost == []
    assert kinds.copy.keys() - kinds.source.keys() == set()


def test_the_copy_of_each_kind_is_verified_as_good(
    kinds: Kinds, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    assert verify(kinds.manifest, locked_vault.client, scratch=scratch).problems == ()
