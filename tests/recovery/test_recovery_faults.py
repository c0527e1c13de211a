"""Faults of the database, the vault and the machine under the real commands: messages, and what is left."""

import re
import threading
from collections.abc import Generator
from urllib.parse import urlsplit

import psycopg
import pytest
from attesting import SIGN, TRUST
from clusters import reachable_home
from command_process import CommandRunner
from s3_server import Fault
from servers import PASSWORD, NewDatabase, database_url, noise_database
from vaults import ProxiedVault, back_up_database

from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from recovery import catalogue
from recovery.backup import BackupProgress, back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.verify import verify

pytestmark = pytest.mark.shares("faults-source")

ROWS = 100_000


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise_database(cluster, "faults", rows=ROWS, digests=6) as url:
        yield url


@pytest.fixture
def commands(source: str, locked_vault: ProxiedVault) -> CommandRunner:
    return CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket)


MANY = 1000
PART, MANIFEST = "partNumber", "manifest.json"


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("PUT", PART, times=MANY, answer=(503, "SlowDown")), "overloaded or failing"),
        (Fault("PUT", PART, times=MANY, skip=1, answer=(400, "ExpiredToken")), "credentials have expired"),
        (Fault("PUT", PART, times=MANY, cut_request=50_000), "connection broke each time"),
        (Fault("PUT", PART, times=MANY, skip=1, cut_request=5_000_000), "connection broke each time"),
        (Fault("PUT", MANIFEST, times=MANY, answer=(503, "SlowDown")), "overloaded or failing"),
        (Fault("PUT", MANIFEST, times=MANY, answer=(403, "RequestTimeTooSkewed")), "this machine's clock"),
        (Fault("*", times=MANY, answer=(403, "RequestTimeTooSkewed")), "this machine's clock"),
        (Fault("*", times=MANY, answer=(403, "SignatureDoesNotMatch")), "credentials are not accepted"),
    ],
    ids=[
        "503s",
        "credentials that expire on the way",
        "cut at 1 %",
        "cut at 99 %",
        "503s at the manifest",
        "a clock that goes wrong on the way",
        "a wrong clock",
        "a wrong secret",
    ],
)
def test_a_vault_that_fails_leaves_no_backup_and_is_named(
    commands: CommandRunner, locked_vault: ProxiedVault, fault: Fault, message: str
) -> None:
    locked_vault.proxy.faults.append(fault)
    failed = commands.run("backup", "database")
    assert failed.returncode == 1, failed.stderr
    assert message in failed.stderr
    assert locked_vault.bucket in failed.stderr
    assert "Next: " in failed.stderr
    assert failed.stdout == ""
    locked_vault.proxy.faults.clear()
    assert locked_vault.count_unfinished_uploads() == 0
    assert catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database") == []


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", PART, times=1, answer=(503, "SlowDown")),
        Fault("PUT", PART, times=1, cut_request=100),
        Fault("PUT", PART, times=MANY, pause=0.005),
        Fault("PUT", MANIFEST, times=1, lose_answer=True),
    ],
    ids=["one 503", "one cut", "a slow vault", "a lost answer to the manifest"],
)
def test_a_passing_fault_of_the_vault_does_not_harm_a_backup(
    commands: CommandRunner, locked_vault: ProxiedVault, fault: Fault
) -> None:
    locked_vault.proxy.faults.append(fault)
    done = commands.run("backup", "database")
    assert done.returncode == 0, done.stderr
    [found] = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert found.manifest
    assert verify(found.manifest, locked_vault.client).passed


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_server_that_ends_every_session_on_the_way_leaves_no_backup(
    cluster: Cluster, source: str, locked_vault: ProxiedVault, share: float
) -> None:
    whole = back_up_database(source, locked_vault.client)
    site = RecoveryContext(
        "test",
        {"primary": locked_vault.client, "replica": locked_vault.client},
        {},
        {},
        TRUST,
        SIGN,
        store="database",
        database_url=source,
    )
    ended: list[bool] = []
    beginning = threading.Lock()

    def cut(at: BackupProgress) -> None:
        if at.dumped >= share * whole.dump_bytes and beginning.acquire(blocking=False):
            with psycopg.connect(database_url(cluster, "postgres"), autocommit=True) as connection:
                ended.extend(
                    gone
                    for (gone,) in connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'"
                    )
                )

    with pytest.raises(Failure, match="Next: "):
        back_up(site, on_progress=cut)
    assert ended
    assert locked_vault.count_unfinished_uploads() == 0
    assert [
        one.id for one in catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    ] == [whole.id]
    assert verify(whole, locked_vault.client).passed


def test_a_wrong_database_password_is_reported_and_not_shown(
    commands: CommandRunner, locked_vault: ProxiedVault, source: str
) -> None:
    wrong = CommandRunner(
        source.replace(PASSWORD, "planted-wrong-password"), commands.endpoint, commands.bucket
    )
    failed = wrong.run("backup", "database")
    assert failed.returncode == 1
    assert "password" in failed.stderr
    assert "planted-wrong-password" not in failed.stderr + failed.stdout
    assert locked_vault.keys() == []


def test_a_restore_of_a_damaged_dump_names_it_and_creates_nothing(
    commands: CommandRunner, locked_vault: ProxiedVault, new_database: NewDatabase
) -> None:
    manifest = back_up_database(commands.database, locked_vault.client)
    target = new_database("damaged")
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    locked_vault.proxy.faults.append(Fault("GET", "dump.pgc.zst", times=MANY, damage_answer=1000))
    failed = commands.run("restore", "--to", target.replace(f":{PASSWORD}", ""))
    assert failed.returncode == 1
    assert f"{manifest.dump.key} (version {manifest.dump.version})" in failed.stderr
    assert "--vault replica" in failed.stderr
    with psycopg.connect(target) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_a_database_restored_to_a_new_server_can_be_used_and_discarded(
    commands: CommandRunner, locked_vault: ProxiedVault
) -> None:
    back_up_database(commands.database, locked_vault.client)
    with reachable_home() as home:
        commands.variables[HOME_VARIABLE] = str(home.root)
        restored = commands.run("restore", "--to", "new")
        assert restored.returncode == 0, restored.stderr + restored.stdout
        [url] = re.findall(r"^It is at (postgresql://\S+)$", restored.stdout, re.MULTILINE)
        assert urlsplit(url).password is None
        [backup] = re.findall(r"^Remove it: ./bulwark discard (\S+)$", restored.stdout, re.MULTILINE)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM noise").fetchone() == (ROWS,)
        again = commands.run("restore", "--to", "new")
        assert (again.returncode, "is restored on this machine already" in again.stderr) == (1, True)
        assert commands.run("discard").stdout == f"{backup}  running\n"
        assert commands.run("discard", backup).returncode == 0
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        assert commands.run("discard").stdout == "There is no such server.\n"
        assert commands.run("discard", backup).returncode == 1


def test_a_failed_restore_removes_its_new_server(commands: CommandRunner, locked_vault: ProxiedVault) -> None:
    back_up_database(commands.database, locked_vault.client)
    locked_vault.proxy.faults.append(Fault("GET", "dump.pgc.zst", times=MANY, damage_answer=1000))
    with reachable_home() as home:
        commands.variables[HOME_VARIABLE] = str(home.root)
        assert commands.run("restore", "--to", "new").returncode == 1
        assert commands.run("discard").stdout == "There is no such server.\n"
        assert list(home.run.glob("*.pgpass")) == []
