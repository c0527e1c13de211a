"""Clusters with real servers: recovery to an instant, kills, strange paths, and access."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from clusters import destroyed_after, fetch_value, reachable_home, wait_until

from postgres_server import install
from postgres_server.cluster import Cluster
from postgres_server.install import Installation, PostgresError
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("postgres-source")

PASSWORD = "planted-superuser-password"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about the account that only root needs")


@dataclass(frozen=True)
class Source:
    cluster: Cluster
    instants: list[datetime]
    """The instant after each of twenty commits, by the server's clock."""


@pytest.fixture(scope="module")
def home() -> Generator[TwinHome]:
    with reachable_home() as home:
        yield home


@pytest.fixture(scope="module")
def source(home: TwinHome) -> Generator[Source]:
    cluster = Cluster(home.postgres / "source", home.port("source"))
    with destroyed_after(cluster):
        cluster.create(PASSWORD)
        cluster.start()
        instants: list[datetime] = []
        with cluster.connect() as connection:
            connection.execute("CREATE TABLE commits (number integer)")
            for number in range(1, 21):
                connection.execute("INSERT INTO commits VALUES (%s)", (number,))
                row = connection.execute("SELECT clock_timestamp()").fetchone()
                assert row
                instants.append(row[0])
        yield Source(cluster, instants)


@pytest.fixture
def new(home: TwinHome) -> Generator[Callable[[str], Cluster]]:
    """Give a cluster that does not exist yet; it is destroyed after the test."""
    with ExitStack() as stack:

        def name(name: str) -> Cluster:
            cluster = Cluster(home.postgres / name, home.port(name))
            stack.enter_context(destroyed_after(cluster))
            return cluster

        yield name


New = Callable[[str], Cluster]


def numbers(cluster: Cluster) -> list[int]:
    with cluster.connect() as connection:
        rows = connection.execute("SELECT number FROM commits ORDER BY number").fetchall()
    return [number for (number,) in rows]


def start_python(code: str, *arguments: str | Path | int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])


# Point in time


def test_a_branch_holds_exactly_the_commits_up_to_the_instant(source: Source, new: New) -> None:
    branch = new("twelve")
    source.cluster.branch(branch, source.instants[11])

    assert numbers(branch) == list(range(1, 13))
    assert numbers(source.cluster) == list(range(1, 21))
    with branch.connect() as connection:
        connection.execute("INSERT INTO commits VALUES (1000)")
    with source.cluster.connect() as connection:
        connection.execute("CREATE TABLE only_in_source ()")
    assert 1000 not in numbers(source.cluster)
    assert fetch_value(branch, "SELECT to_regclass('only_in_source')") is None


def test_a_branch_of_now_holds_every_acknowledged_commit(source: Source, new: New) -> None:
    branch = new("now")
    with source.cluster.connect() as connection:
        connection.execute("CREATE TABLE just_now AS SELECT 1")

    source.cluster.branch(branch)

    assert fetch_value(branch, "SELECT count(*) FROM just_now") == 1


def test_a_branch_is_independent_of_its_source_and_can_be_branched(source: Source, new: New) -> None:
    middle, later, earlier = new("middle"), new("later"), new("earlier")
    source.cluster.branch(middle, source.instants[11])
    with middle.connect() as connection:
        connection.execute("INSERT INTO commits VALUES (500)")

    middle.branch(later)
    middle.branch(earlier, source.instants[4])
    middle.destroy()
    for branch in (later, earlier):
        branch.stop()
        branch.start()

    assert numbers(later) == [*range(1, 13), 500]
    assert numbers(earlier) == list(range(1, 6))
    # Nothing that the branches inherited stands in the way of their own archives.
    assert fetch_value(later, "SELECT pg_switch_wal() IS NOT NULL")
    wait_until(
        lambda: fetch_value(later, "SELECT archived_count > 0 AND failed_count = 0 FROM pg_stat_archiver")
    )


def test_a_branch_starts_from_the_newest_base_backup_before_the_instant(source: Source, new: New) -> None:
    origin, before, since = new("origin"), new("before"), new("since")
    source.cluster.branch(origin, source.instants[11])
    origin.take_base_backup()
    with origin.connect() as connection:
        connection.execute("INSERT INTO commits VALUES (700)")
    bases = sorted(entry.name for entry in (origin.directory / "base").iterdir())

    origin.branch(since)
    origin.branch(before, source.instants[2])

    assert len(bases) == 2
    assert [entry.name for entry in (since.directory / "base").iterdir()] == bases[1:]
    assert [entry.name for entry in (before.directory / "base").iterdir()] == bases[:1]
    assert numbers(since) == [*range(1, 13), 700]
    assert numbers(before) == [1, 2, 3]


def test_an_instant_outside_the_history_is_refused(source: Source, new: New) -> None:
    with pytest.raises(PostgresError, match="history begins at"):
        source.cluster.branch(new("too-early"), source.instants[0] - timedelta(hours=1))
    with pytest.raises(PostgresError, match="it is only"):
        source.cluster.branch(new("too-late"), datetime.now(UTC) + timedelta(hours=1))


def test_a_stopped_source_and_an_existing_target_are_refused(source: Source, new: New) -> None:
    stopped = new("stopped")
    stopped.create(PASSWORD)
    with pytest.raises(PostgresError, match="start it to branch it"):
        stopped.branch(new("of-stopped"))
    with pytest.raises(PostgresError, match="exists already"):
        source.cluster.branch(stopped)
    with pytest.raises(PostgresError, match="exists already"):
        stopped.create(PASSWORD)


def test_an_archived_segment_is_never_overwritten(source: Source, new: New) -> None:
    cluster = new("archive")
    source.cluster.branch(cluster)
    segment = cluster.archive / fetch_value(cluster, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    segment.write_text("somebody else's")

    fetch_value(cluster, "SELECT pg_current_xact_id() IS NOT NULL AND pg_switch_wal() IS NOT NULL")
    wait_until(lambda: fetch_value(cluster, "SELECT failed_count > 0 FROM pg_stat_archiver"))

    assert segment.read_text() == "somebody else's"
    segment.unlink()
    wait_until(lambda: segment.exists() and segment.stat().st_size == 2**20)


def test_an_archived_segment_never_changes(source: Source, new: New) -> None:
    cluster = new("unchanged")
    source.cluster.branch(cluster)

    def write_segments() -> None:
        for _ in range(5):
            fetch_value(cluster, "SELECT pg_current_xact_id() IS NOT NULL AND pg_switch_wal() IS NOT NULL")
        with cluster.connect() as connection:
            connection.execute("CHECKPOINT")  # lets go of the segments, which a server may use again

    def read_archive() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in cluster.archive.iterdir()}

    write_segments()
    archived = read_archive()
    for _ in range(3):
        write_segments()
    wait_until(lambda: len(read_archive()) >= len(archived) + 12)
    assert read_archive() | archived == read_archive()


# Kills


def test_a_killed_server_starts_again_with_what_it_had_acknowledged(source: Source, new: New) -> None:
    cluster = new("killed")
    source.cluster.branch(cluster)
    orphan = cluster.connect()
    # A stopped backend does not notice that its postmaster is gone, and goes on holding the shared memory.
    os.kill(orphan.info.backend_pid, signal.SIGSTOP)
    with cluster.connect() as connection:
        connection.execute("INSERT INTO commits VALUES (21)")
    postmaster = cluster.find_postmaster()
    assert postmaster
    postmaster.kill()
    wait_until(lambda: not cluster.is_running)

    cluster.start()

    assert numbers(cluster) == list(range(1, 22))
    orphan.close()


def test_a_pid_that_now_belongs_to_another_program_is_left_alone(source: Source, new: New) -> None:
    cluster = new("reused")
    source.cluster.branch(cluster)
    cluster.stop()
    account = cluster.find_installation().account
    stranger = subprocess.Popen(["sleep", "60"], user=account.pw_uid if account else None)
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{cluster.data}\n1700000000\n{cluster.port}\n\n127.0.0.1\n")

    assert not cluster.is_running
    cluster.stop()
    cluster.start()

    assert numbers(cluster) == list(range(1, 21))
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("reached", ["data/PG_VERSION", "base/*/PG_VERSION"])
def test_an_interrupted_creation_does_not_block_the_next(home: TwinHome, new: New, reached: str) -> None:
    cluster = new(f"interrupted-{reached[:4]}")
    code = (
        "import sys, pathlib, postgres_server.cluster as p; "
        "p.Cluster(pathlib.Path(sys.argv[1]), 1).create('x')"
    )
    creator = start_python(code, cluster.directory)
    wait_until(lambda: list(home.postgres.glob(f".{cluster.directory.name}.partial-*/{reached}")))
    creator.kill()
    creator.wait()

    cluster.create(PASSWORD)
    cluster.start()

    assert fetch_value(cluster, "SELECT 1") == 1
    cluster.destroy()
    cluster.destroy()
    assert not [entry for entry in home.postgres.iterdir() if cluster.directory.name in entry.name]


def test_an_interrupted_branch_is_finished_by_the_next_start(source: Source, new: New) -> None:
    target = new("half")
    code = """
import sys, pathlib, datetime, postgres_server.cluster as p
source, target = (p.Cluster(pathlib.Path(sys.argv[n]), int(sys.argv[n + 1])) for n in (1, 3))
source.branch(target, datetime.datetime.fromisoformat(sys.argv[5]))
"""
    places = (source.cluster.directory, source.cluster.port, target.directory, target.port)
    brancher = start_python(code, *places, source.instants[11].isoformat())
    wait_until(target.directory.exists)
    brancher.kill()
    brancher.wait()

    target.start()

    assert numbers(target) == list(range(1, 13))


# Starting and removing


def test_the_occupied_port_of_a_cluster_is_named_together_with_the_cluster(source: Source, new: New) -> None:
    cluster = new("occupied")
    source.cluster.branch(cluster)
    cluster.stop()
    with socket.create_server(("127.0.0.1", cluster.port)):
        with pytest.raises(PostgresError) as caught:
            cluster.start()
        assert f"Port {cluster.port}" in str(caught.value)
        assert str(cluster.directory) in str(caught.value)
    cluster.start()


def test_starts_at_the_same_time_start_one_server(source: Source, new: New) -> None:
    cluster = new("together")
    source.cluster.branch(cluster)
    cluster.stop()
    cluster.stop()
    assert not cluster.socket_folder.exists()

    with ThreadPoolExecutor(4) as pool:
        for start in [pool.submit(cluster.start) for _ in range(4)]:
            start.result()

    assert fetch_value(cluster, "SELECT count(*) FROM commits") == 20
    assert cluster.log.read_text().count("starting PostgreSQL") == 2  # the branch's own start, and this one


def test_clusters_in_long_and_strange_paths_work(new: New) -> None:
    cluster = new('it\'s 100% "long" %f %p ' + "x" * 150)
    branch = new("it's the branch %% " + "x" * 150)
    cluster.create(PASSWORD)
    cluster.start()
    cluster.branch(branch)
    assert cluster.system_identifier == branch.system_identifier
    assert cluster.system_identifier == fetch_value(
        branch, "SELECT system_identifier FROM pg_control_system()"
    )


def test_only_a_cluster_can_be_destroyed(home: TwinHome) -> None:
    precious = home.postgres / "precious"
    (precious / "data").mkdir(parents=True)
    with pytest.raises(PostgresError, match="not a cluster of the twin"):
        Cluster(precious, 1).destroy()
    with pytest.raises(PostgresError, match="no PostgreSQL cluster"):
        Cluster(precious, 1).start()
    assert (precious / "data").exists()
    Cluster(home.root / "nowhere" / "at-all", 1).destroy()


def test_destroying_ends_the_server_and_its_sessions(source: Source, new: New) -> None:
    cluster = new("gone")
    source.cluster.branch(cluster)
    with cluster.connect() as session:
        pids = [int(pid) for (pid,) in session.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        cluster.destroy()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert not cluster.directory.exists()
    assert not cluster.socket_folder.exists()


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# Access


def test_connections_over_tcp_need_the_password(source: Source) -> None:
    address = f"postgres://cloud_admin:{{}}@127.0.0.1:{source.cluster.port}/postgres"
    with psycopg.connect(address.format(PASSWORD)) as connection:
        assert connection.info.host == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address.format("wrong"))
    assert fetch_value(source.cluster, "SHOW listen_addresses") == "127.0.0.1"
    assert fetch_value(source.cluster, "SHOW data_checksums") == "on"


@as_root
def test_the_socket_and_the_data_are_closed_to_other_accounts(source: Source) -> None:
    psql = Installation.find(source.cluster.directory.parent).root / "bin" / "psql"
    address = ["--host", source.cluster.socket_folder, "--port", str(source.cluster.port)]
    arguments = [psql, *address, "--username", "cloud_admin", "--command", "SELECT 1", "postgres"]
    nobody = subprocess.run(arguments, user="nobody", cwd="/", capture_output=True, text=True, check=False)
    assert nobody.returncode != 0
    assert "Permission denied" in nobody.stderr
    assert source.cluster.directory.stat().st_mode & 0o077 == 0


def test_a_failing_statement_leaves_no_password_in_the_log(source: Source) -> None:
    with source.cluster.connect() as connection, pytest.raises(psycopg.errors.DuplicateObject):
        connection.execute("CREATE ROLE cloud_admin PASSWORD 'planted-role-password'")
    with pytest.raises(psycopg.errors.UndefinedTable):
        fetch_value(source.cluster, "SELECT * FROM nowhere")
    log = source.cluster.log.read_text()
    assert 'relation "nowhere" does not exist' in log
    assert "planted-role-password" not in log


def test_the_owner_of_a_database_may_create_the_vector_extension(source: Source) -> None:
    with source.cluster.connect() as connection:
        connection.execute("CREATE ROLE modest LOGIN PASSWORD 'modest'")
        connection.execute("CREATE DATABASE theirs OWNER modest")
    address = f"postgres://modest:modest@127.0.0.1:{source.cluster.port}/theirs"
    with psycopg.connect(address) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("COMMENT ON EXTENSION vector IS 'as pg_restore does'")
        row = connection.execute("SELECT '[1,2]'::vector <-> '[1,0]'").fetchone()
    assert row == (2.0,)


@as_root
def test_programs_that_the_servers_account_cannot_reach_are_copied_once(
    home: TwinHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's folders are as closed as /root is.
    wheel = install.wheel_root()
    hidden = tmp_path / wheel.parent.name / wheel.name
    shutil.copytree(wheel, hidden)
    shutil.copytree(f"{wheel.parent}.libs", f"{hidden.parent}.libs")
    monkeypatch.setattr(install, "wheel_root", lambda: hidden)
    beside = home.root / "beside"
    beside.mkdir(mode=0o711)
    cluster = Cluster(beside / "cluster", home.port("beside"))

    with destroyed_after(cluster):
        cluster.create(PASSWORD)
        cluster.start()
        assert fetch_value(cluster, "SELECT 1") == 1
        (copy,) = beside.glob("postgresql-*")
        postmaster = cluster.find_postmaster()
        assert postmaster
        assert Path(postmaster.cmdline()[0]).is_relative_to(copy)


@as_root
def test_a_folder_that_the_servers_account_cannot_enter_is_named(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match="chmod") as caught:
        Cluster(tmp_path / "cluster", 1).create(PASSWORD)
    assert "/pytest-" in str(caught.value)
