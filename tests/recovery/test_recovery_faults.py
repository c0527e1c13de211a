"""Bad days of the database, the vault and the machine, through the real commands: what is said and left."""

import re
import threading
from collections.abc import Generator
from urllib.parse import urlsplit

import psycopg
import pytest
from command_process import Commands
from s3_server import Fault
from servers import PASSWORD, NewDatabase, database_url, noise
from twin.clusters import reachable_home
from vaults import Place, backed_up

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery import catalogue
from recovery.backup import BackupProgress, back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.verify import verify
from twin.host.home import HOME_VARIABLE

ROWS = 100_000


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise(cluster, "faults", rows=ROWS, digests=6) as url:
        yield url


@pytest.fixture
def commands(source: str, locked: Place) -> Commands:
    return Commands(source, locked.proxy.url, locked.bucket)


MANY = 1000
PART, MANIFEST = "partNumber", "manifest.json"


@pytest.mark.parametrize(
    ("fault", "said"),
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
    commands: Commands, locked: Place, fault: Fault, said: str
) -> None:
    locked.proxy.faults.append(fault)
    failed = commands.run("backup", "database")
    assert failed.returncode == 1, failed.stderr
    assert said in failed.stderr
    assert locked.bucket in failed.stderr
    assert "Next: " in failed.stderr
    assert failed.stdout == ""
    locked.proxy.faults.clear()
    assert locked.unfinished() == 0
    assert catalogue.read_backups(locked.vault, Manifest) == []


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
def test_what_goes_by_does_no_harm(commands: Commands, locked: Place, fault: Fault) -> None:
    locked.proxy.faults.append(fault)
    done = commands.run("backup", "database")
    assert done.returncode == 0, done.stderr
    [found] = catalogue.read_backups(locked.vault, Manifest)
    assert found.manifest
    assert verify(found.manifest, locked.vault).good


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_server_that_ends_every_session_on_the_way_leaves_no_backup(
    cluster: Cluster, source: str, locked: Place, share: float
) -> None:
    whole = backed_up(source, locked.vault)
    site = RecoveryContext("test", source, {"primary": locked.vault, "replica": locked.vault}, {}, {})
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
        back_up(site, progress=cut)
    assert ended
    assert locked.unfinished() == 0
    assert [one.id for one in catalogue.read_backups(locked.vault, Manifest)] == [whole.id]
    assert verify(whole, locked.vault).good


def test_a_wrong_password_is_said_and_not_shown(commands: Commands, locked: Place, source: str) -> None:
    wrong = Commands(source.replace(PASSWORD, "planted-wrong-password"), commands.endpoint, commands.bucket)
    failed = wrong.run("backup", "database")
    assert failed.returncode == 1
    assert "password" in failed.stderr
    assert "planted-wrong-password" not in failed.stderr + failed.stdout
    assert locked.keys() == []


def test_a_restore_of_what_is_damaged_names_it_and_makes_nothing(
    commands: Commands, locked: Place, database: NewDatabase
) -> None:
    made = backed_up(commands.database, locked.vault)
    target = database("damaged")
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    locked.proxy.faults.append(Fault("GET", "dump.pgc.zst", times=MANY, damage_answer=1000))
    failed = commands.run("restore", "--to", target.replace(f":{PASSWORD}", ""))
    assert failed.returncode == 1
    assert f"{made.dump.key} (version {made.dump.version})" in failed.stderr
    assert "--vault replica" in failed.stderr
    with psycopg.connect(target) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_a_new_server_can_be_used_and_removed(commands: Commands, locked: Place) -> None:
    backed_up(commands.database, locked.vault)
    with reachable_home() as home:
        commands.variables[HOME_VARIABLE] = str(home.root)
        restored = commands.run("restore", "--to", "new")
        assert restored.returncode == 0, restored.stderr
        [url] = re.findall(r"^It is at (postgresql://\S+)$", restored.stdout, re.MULTILINE)
        assert urlsplit(url).password is None
        [backup] = re.findall(r"^Remove it: ./bulwark discard (\S+)$", restored.stdout, re.MULTILINE)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM noise").fetchone() == (ROWS,)
        again = commands.run("restore", "--to", "new")
        assert (again.returncode, "is restored on this machine already" in again.stderr) == (1, True)
        assert commands.run("discard").stdout == f"{backup}\n"
        assert commands.run("discard", backup).returncode == 0
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        assert commands.run("discard").stdout == "There is no such server.\n"
        assert commands.run("discard", backup).returncode == 1


def test_a_new_server_of_a_restore_that_fails_is_removed(commands: Commands, locked: Place) -> None:
    backed_up(commands.database, locked.vault)
    locked.proxy.faults.append(Fault("GET", "dump.pgc.zst", times=MANY, damage_answer=1000))
    with reachable_home() as home:
        commands.variables[HOME_VARIABLE] = str(home.root)
        assert commands.run("restore", "--to", "new").returncode == 1
        assert commands.run("discard").stdout == "There is no such server.\n"
        assert list(home.run.glob("*.pgpass")) == []
