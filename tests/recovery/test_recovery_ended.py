"""Runs that are killed or told to end, at every stage: nothing is good that isn't, the next run is fine."""

import os
import re
import signal
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from command_process import STAGES, Commands
from servers import PASSWORD, NewDatabase, noise
from vaults import Place, backed_up

from postgres_server.cluster import Cluster
from recovery import catalogue
from recovery.manifest import Manifest
from recovery.verify import verify

ROWS = 200_000
_PATIENCE_SECONDS = 30.0


class Monitors(ThreadingHTTPServer):
    """What the vendors were told, in order; with each success whether a manifest was in by then."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Told)
        self.told: list[str] = []
        self.place: Place | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Told(BaseHTTPRequestHandler):
    server: Monitors  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""

    def do_GET(self) -> None:
        status = re.search(r"status=(\w+)", self.path)
        place = self.server.place
        known = place and any(key.endswith("manifest.json") for key in place.keys())  # noqa: SIM118
        self.server.told.append(
            status[1] if status else f"heartbeat {'with' if known else 'without'} a manifest"
        )
        self.send_response(200)
        self.end_headers()


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise(cluster, "ended", rows=ROWS, digests=4) as url:
        yield url


@pytest.fixture
def monitors(locked: Place) -> Generator[Monitors]:
    with Monitors() as server:
        server.place = locked
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def commands(source: str, locked: Place, monitors: Monitors, tmp_path: Path) -> Commands:
    return Commands(
        source, locked.proxy.url, locked.bucket, monitors.url, variables={"TMPDIR": str(tmp_path)}
    )


def archives(folder: Path) -> list[Path]:
    """Return what restores hold of rows in clear."""
    return list(folder.glob("*/*.pgc"))


def sessions(url: str, name: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [name]
        ).fetchone()
    return row[0] if row else 0


def wait_for_silence(url: str, name: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while sessions(url, name):
        assert time.monotonic() < deadline, "a session is left"
        time.sleep(0.05)


def test_a_success_is_told_after_the_manifest_is_in(commands: Commands, monitors: Monitors) -> None:
    done = commands.run("backup", "database")
    assert done.returncode == 0, done.stderr
    assert monitors.told == ["in_progress", "ok", "heartbeat with a manifest"]
    lines = done.stderr.splitlines()
    assert [re.search(r"event=(\w+)", line)[1] for line in lines] == ["started", "done"], lines  # pyright: ignore[reportOptionalSubscript]
    assert all("store=database" in line and "stack=local" in line for line in lines)


@pytest.mark.parametrize("stage", STAGES)
def test_a_backup_that_is_killed_is_none_and_the_next_one_is_fine(
    commands: Commands, monitors: Monitors, locked: Place, source: str, stage: str
) -> None:
    backed_up(source, locked.vault)
    [earlier] = catalogue.read_backups(locked.vault, Manifest)
    with commands.at(stage, "backup", "database") as process:
        process.kill()
        process.wait()
    assert monitors.told == ["in_progress"]
    [still] = catalogue.read_backups(locked.vault, Manifest)
    assert still == earlier
    assert still.manifest
    assert verify(still.manifest, locked.vault).good
    wait_for_silence(source, "ended")
    again = commands.run("backup", "database")
    assert again.returncode == 0, again.stderr
    newest = catalogue.read_backups(locked.vault, Manifest)[0].manifest
    assert newest
    assert newest.id != earlier.id
    assert verify(newest, locked.vault).good


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("stage", ["dump", "manifest"])
def test_a_backup_that_is_told_to_end_cleans_up_and_says_so(  # noqa: PLR0917 - fixtures
    commands: Commands,
    monitors: Monitors,
    locked: Place,
    source: str,
    stage: str,
    number: signal.Signals,
    code: int,
) -> None:
    with commands.at(stage, "backup", "database") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
    assert out == ""
    assert "event=ended" in err
    assert monitors.told == ["in_progress", "error"]
    assert locked.unfinished() == 0
    assert catalogue.read_backups(locked.vault, Manifest) == []
    wait_for_silence(source, "ended")


@pytest.mark.parametrize("stage", ["fetched", "loaded"])
def test_a_restore_that_is_killed_is_none_and_a_new_target_is_fine(
    commands: Commands, database: NewDatabase, locked: Place, tmp_path: Path, stage: str
) -> None:
    backed_up(commands.database, locked.vault)
    target = database("killed")
    to = target.replace(f":{PASSWORD}", "")
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    with commands.at(stage, "restore", "--to", to) as process:
        process.kill()
        process.wait()
    wait_for_silence(commands.database, "killed")
    again = commands.run("restore", "--to", to)
    if stage == "fetched":
        assert again.returncode == 0, again.stderr
    else:
        assert again.returncode == 1
        assert "noise" in again.stderr
        assert "Restored" not in again.stdout
    [left] = archives(tmp_path)
    an_hour_ago = time.time() - 3600
    os.utime(left.parent, (an_hour_ago, an_hour_ago))
    fresh = database("fresh")
    done = commands.run("restore", "--to", fresh.replace(f":{PASSWORD}", ""))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(fresh) as connection:
        assert connection.execute("SELECT count(*) FROM noise").fetchone() == (ROWS,)
    assert archives(tmp_path) == [], "the killed run's rows in clear are still there"


def test_a_restore_that_is_told_to_end_leaves_no_file(
    commands: Commands, database: NewDatabase, locked: Place, tmp_path: Path
) -> None:
    backed_up(commands.database, locked.vault)
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    with commands.at("fetched", "restore", "--to", database().replace(f":{PASSWORD}", "")) as process:
        assert archives(tmp_path)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143
    assert archives(tmp_path) == []
