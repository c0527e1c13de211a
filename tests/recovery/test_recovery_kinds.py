"""
The matrix of kinds of objects: each comes back equal, or is listed; there is no third outcome.

What is listed is what the backup does not hold, and what the role that restores may not make. The copy is
compared by the text of pg_dump, which is not what a verification compares.
"""

import re
import subprocess
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from clusters import reachable_home
from dump_fixtures import execute
from object_kinds import EXAMPLES, NOT_IN_A_BACKUP
from psycopg import sql
from servers import NewDatabase, database_url, drop_database, program_path
from vaults import ProxiedVault, back_up_database

from cli.servers import LocalServer, scratch_server
from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from recovery.manifest import Manifest
from recovery.postgres.connection import libpq_environment
from recovery.restore import restore_database
from recovery.vault.vault import VaultClient
from recovery.verify import CreateScratchDatabase, verify

BACKUP_PASSWORD = "planted-backup-password"
ROLES = ("kinds_backup", "kinds_role")
_HEADER: Final = re.compile(
    r"^-- Name: (?P<name>.*); Type: (?P<type>.*); Schema: (?P<schema>.*); Owner: .*$", re.MULTILINE
)
_METHOD: Final = re.compile(r"^SET default_table_access_method = .*;$", re.MULTILINE)
_BETWEEN: Final = re.compile(
    r"^(SET default_\w+ = .*;|\\unrestrict .*|-- .* dump complete|--|)\n", re.MULTILINE
)
"""What pg_dump writes after one object and before the next one, or at the end, with a key of each run."""

_STORED: Final = frozenset({"TABLE", "MATERIALIZED VIEW"})
_STORED_OTHERWISE: Final = {"TABLE access_method.t": "ACCESS METHOD access_method_a"}
"""A table that comes back in PostgreSQL's own access method -> the one that must be listed."""

Entries = dict[tuple[str, str, str], str]
"""Type, schema and name of an object -> the text that pg_dump writes for it, with its owner."""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Give a state folder of its own."""
    with reachable_home() as folder:
        monkeypatch.setenv(HOME_VARIABLE, str(folder.root))
        yield folder.root


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


@dataclass(frozen=True)
class Backup:
    """A backup of the source, by a role without superuser rights."""

    manifest: Manifest
    vault: VaultClient
    source: Entries


@pytest.fixture
def backup(cluster: Cluster, source: str, locked_vault: ProxiedVault) -> Backup:
    url = database_url(cluster, "kinds", "kinds_backup", BACKUP_PASSWORD)
    manifest = back_up_database(url, locked_vault.client)
    return Backup(manifest, locked_vault.client, dump_entries(cluster, source))


def dump_entries(server: Cluster, url: str) -> Entries:
    """Return what the server's pg_dump writes for each object without rows."""
    ended = subprocess.run(
        [program_path(server, "pg_dump"), "--schema-only"],
        env=libpq_environment(url),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    headers = list(_HEADER.finditer(ended.stdout))
    ends = [header.start() for header in headers[1:]] + [len(ended.stdout)]
    entries: Entries = {}
    method = ""
    for header, end in zip(headers, ends, strict=True):
        key = (header["type"], header["schema"], header["name"])
        text = ended.stdout[header.start() : end]
        stored = f"{method}\n" if header["type"] in _STORED else ""
        entries[key] = stored + _BETWEEN.sub("", text)
        # It is set before the header of the first table that it is for.
        method = [method, *_METHOD.findall(text)][-1]
    return entries


def belongs_to(key: tuple[str, str, str], example: str) -> bool:
    kind, schema, name = key
    return schema == example or (re.search(rf"\b{example}(_\w)?\b", name) is not None and kind != "SCHEMA")


def find_lost(source: Entries, copy: Entries, listed: Collection[str]) -> list[str]:
    """Return each object that is not in the copy as it is in the source, and that is not listed."""
    lost: list[str] = []
    for example in EXAMPLES:
        entries = {key for key in source if belongs_to(key, example)}
        assert entries, f"{example} makes nothing"
        different = {describe(key) for key in entries if source[key] != copy.get(key)}
        lost += sorted(name for name in different if _STORED_OTHERWISE.get(name, name) not in listed)
    return lost + [f"{describe(key)} is new" for key in copy.keys() - source.keys()]


def describe(key: tuple[str, str, str]) -> str:
    """Return the object's kind and name as a restore writes them."""
    kind, schema, name = key
    if name.startswith(f"{kind} "):
        return name
    return f"{kind} {name}" if schema == "-" else f"{kind} {schema}.{name}"


def list_left_out(manifest: Manifest) -> set[str]:
    """Return the objects that a dump does not hold as they were, after the manifest has listed them."""
    listed = {(item.kind, item.name) for item in manifest.left_out}
    assert set(NOT_IN_A_BACKUP.values()) <= listed
    return {"SUBSCRIPTION subscription_s", "USER MAPPING kinds_role SERVER user_mapping_s"}


def test_a_superuser_restores_each_kind_as_it_was_or_it_is_listed(
    other_cluster: Cluster, backup: Backup, scratch: CreateScratchDatabase, tmp_path: Path
) -> None:
    with scratch(backup.manifest.server, ()) as copy:
        result = restore_database(backup.manifest, backup.vault, copy.url, folder=tmp_path)
        copied = dump_entries(other_cluster, copy.url)
    assert result.failed == ()
    assert find_lost(backup.source, copied, list_left_out(backup.manifest)) == []


def test_a_role_without_superuser_rights_restores_each_kind_as_it_was_or_it_is_listed(
    cluster: Cluster, backup: Backup, home: Path
) -> None:
    """On the server that `verify --deep` and `restore --to new` make."""
    copies: list[Entries] = []

    @contextmanager
    def scratch(*arguments: Any) -> Generator[LocalServer]:
        with scratch_server(*arguments) as server:
            yield server
            copies.append(dump_entries(cluster, server.url))

    verified = verify(backup.manifest, backup.vault, scratch=scratch)
    assert verified.problems == ()
    [copied] = copies
    listed = {phrase.partition(": ")[0] for phrase in verified.unproven}
    assert find_lost(backup.source, copied, listed | list_left_out(backup.manifest)) == []
    # Nothing is listed that is there.
    assert listed.isdisjoint(map(describe, copied))
    assert home.exists()
