"""Sources and targets of older versions of PostgreSQL, where this machine has them."""

from collections.abc import Generator
from pathlib import Path

import pytest
from dump_fixtures import INTERESTING, execute, fetch_value
from other_versions import find_servers, run_server
from servers import NewDatabase, program_path
from test_recovery_load import CHECKSUM
from vaults import ProxiedVault, back_up_database

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.client_programs import BIN_VARIABLE
from recovery.postgres.target import require_not_older
from recovery.restore import RestoreOptions, restore_database

SERVERS = find_servers()


@pytest.fixture(scope="module", params=list(SERVERS) or [None], ids=str)
def older(request: pytest.FixtureRequest) -> Generator[str]:
    if request.param is None:
        pytest.skip("this machine has no other version of PostgreSQL")
    with run_server(SERVERS[request.param]) as url:
        execute(url, "CREATE DATABASE source")
        execute(of(url, "source"), INTERESTING)
        execute(of(url, "source"), "CREATE ROLE reader; GRANT SELECT ON customers TO reader")
        yield url


def of(url: str, database: str) -> str:
    return url.rpartition("/")[0] + f"/{database}"


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("client", ["the server's", "newer"])
def test_a_database_of_an_older_version_is_restored_to_that_version(  # noqa: PLR0917 - fixtures
    older: str,
    cluster: Cluster,
    locked_vault: ProxiedVault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
    jobs: int,
) -> None:
    if client == "newer":
        monkeypatch.setenv(BIN_VARIABLE, str(program_path(cluster, "pg_dump").parent))
    manifest = back_up_database(of(older, "source"), locked_vault.client)
    execute(older, "DROP DATABASE IF EXISTS copy")
    execute(older, "CREATE DATABASE copy")
    options = RestoreOptions(jobs=jobs)
    result = restore_database(
        manifest, locked_vault.client, of(older, "copy"), folder=tmp_path, options=options
    )
    assert result.is_complete, result
    assert fetch_value(of(older, "copy"), CHECKSUM) == fetch_value(of(older, "source"), CHECKSUM)


def test_a_database_of_an_older_version_is_restored_to_a_newer_one(
    older: str, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    target = new_database()
    execute(target, "CREATE ROLE postgres; CREATE ROLE reader")
    try:
        manifest = back_up_database(of(older, "source"), locked_vault.client)
        restore_database(manifest, locked_vault.client, target, folder=tmp_path)
        assert fetch_value(target, CHECKSUM) == fetch_value(of(older, "source"), CHECKSUM)
    finally:
        execute(target, "REASSIGN OWNED BY postgres TO CURRENT_USER")
        execute(target, "DROP OWNED BY postgres, reader CASCADE; DROP ROLE postgres, reader")


def test_a_database_is_not_restored_to_an_older_version(
    older: str, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    source = new_database()
    execute(source, "CREATE TABLE t (x integer)")
    manifest = back_up_database(source, locked_vault.client)
    execute(older, "DROP DATABASE IF EXISTS empty")
    execute(older, "CREATE DATABASE empty")
    with pytest.raises(Failure, match=r"The target is PostgreSQL \d+, and the backup is of PostgreSQL 18"):
        restore_database(manifest, locked_vault.client, of(older, "empty"), folder=tmp_path)


def test_the_least_version_of_a_target_is_that_of_the_source() -> None:
    require_not_older(14, 14)
    require_not_older(18, 14)
    with pytest.raises(Failure, match="nothing was changed"):
        require_not_older(17, 18)
