"""Commands that are killed or get a signal at each stage: no half backup counts, the next run succeeds."""

import re
import signal
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from attesting import TRUST
from command_process import STAGES, CommandRunner
from servers import PASSWORD, NewDatabase, noise_database, wait_for_no_session
from vaults import ProxiedVault, back_up_database

from postgres_server.cluster import Cluster
from recovery import catalogue
from recovery.manifest import Manifest
from recovery.verify import verify

pytestmark = pytest.mark.shares("interrupted-source")

ROWS = 450_000
"""More than 64 MB, so that the table is read in ranges."""


class Monitors(ThreadingHTTPServer):
    """Records the calls of monitors, in order; of a heartbeat whether a manifest was stored by then."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MonitorHandler)
        self.calls: list[str] = []
        self.vault: ProxiedVault | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _MonitorHandler(BaseHTTPRequestHandler):
    server: Monitors  # pyrefly: ignore[bad-override-mutable-attribute] - the server that runs it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""

    def do_GET(self) -> None:
        status = re.search(r"status=(\w+)", self.path)
        place = self.server.vault
        known = place and any(key.endswith("manifest.json") for key in place.keys())  # noqa: SIM118
        self.server.calls.append(
            status[1] if status else f"heartbeat {'with' if known else 'without'} a manifest"
        )
        self.send_response(200)
        self.end_headers()


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise_database(cluster, "ended", rows=ROWS, digests=4) as url:
        yield url


@pytest.fixture
def monitors(locked_vault: ProxiedVault) -> Generator[Monitors]:
    with Monitors() as server:
        server.vault = locked_vault
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def commands(source: str, locked_vault: ProxiedVault, monitors: Monitors, tmp_path: Path) -> CommandRunner:
    return CommandRunner(
        source, locked_vault.proxy.url, locked_vault.bucket, monitors.url, variables={"TMPDIR": str(tmp_path)}
    )


def find_files(folder: Path) -> list[Path]:
    """Return what commands have left among temporary files: the archives of restores hold rows in clear."""
    return list(folder.glob("bulwark-*"))


def test_monitors_are_told_of_a_success_after_the_manifest_is_stored(
    commands: CommandRunner, monitors: Monitors
) -> None:
    done = commands.run("backup", "database")
    assert done.returncode == 0, done.stderr
    assert monitors.calls == ["in_progress", "ok", "heartbeat with a manifest"]
    lines = done.stderr.splitlines()
    assert [re.search(r"event=(\w+)", line)[1] for line in lines] == ["started", "done"], lines  # pyrefly: ignore[unsupported-operation] - each has one
    assert all("store=database" in line and "stack=local" in line for line in lines)


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_backup_leaves_no_backup_and_the_next_one_succeeds(
    commands: CommandRunner, monitors: Monitors, locked_vault: ProxiedVault, source: str, stage: str
) -> None:
    back_up_database(source, locked_vault.client)
    [earlier] = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    with commands.paused_at(stage, "backup", "database") as process:
        process.kill()
        process.wait()
    assert monitors.calls == ["in_progress"]
    [still] = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert still == earlier
    assert still.manifest
    assert verify(still.manifest, locked_vault.client).passed
    assert (locked_vault.count_unfinished_uploads() > 0) == (stage == "dump")
    wait_for_no_session(source, "ended")
    again = commands.run("backup", "database")
    assert again.returncode == 0, again.stderr
    newest = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")[0].manifest
    assert newest
    assert newest.id != earlier.id
    assert verify(newest, locked_vault.client).passed
    assert locked_vault.count_unfinished_uploads() == 0


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("stage", ["dump", "manifest"])
def test_a_backup_that_gets_a_signal_cleans_up_and_reports_an_error(  # noqa: PLR0917 - fixtures
    commands: CommandRunner,
    monitors: Monitors,
    locked_vault: ProxiedVault,
    source: str,
    stage: str,
    number: signal.Signals,
    code: int,
) -> None:
    with commands.paused_at(stage, "backup", "database") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
    assert out == ""
    assert "event=ended" in err
    assert monitors.calls == ["in_progress", "error"]
    assert locked_vault.count_unfinished_uploads() == 0
    assert catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database") == []
    wait_for_no_session(source, "ended")


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("stage", ["fetched", "loaded"])
def test_after_a_killed_restore_a_restore_into_a_new_target_succeeds(
    commands: CommandRunner, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path, stage: str
) -> None:
    back_up_database(commands.database, locked_vault.client)
    target = new_database("killed")
    to = target.replace(f":{PASSWORD}", "")
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    with commands.paused_at(stage, "restore", "--to", to) as process:
        process.kill()
        process.wait()
    wait_for_no_session(commands.database, "killed")
    again = commands.run("restore", "--to", to)
    if stage == "fetched":
        assert again.returncode == 0, again.stderr
    else:
        assert again.returncode == 1
        assert "noise" in again.stderr
        assert "Restored" not in again.stdout
    assert not any(path.is_file() for path in tmp_path.glob("bulwark-*/*")), "rows in clear"
    fresh = new_database("fresh")
    done = commands.run("restore", "--to", fresh.replace(f":{PASSWORD}", ""))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(fresh) as connection:
        assert connection.execute("SELECT count(*) FROM noise").fetchone() == (ROWS,)
    assert find_files(tmp_path) == [], "the killed run's folder is still there"


def test_a_restore_that_gets_a_signal_leaves_no_file(
    commands: CommandRunner, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    back_up_database(commands.database, locked_vault.client)
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    with commands.paused_at(
        "fetched", "restore", "--to", new_database().replace(f":{PASSWORD}", "")
    ) as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143
    assert find_files(tmp_path) == []
