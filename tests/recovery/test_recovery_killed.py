"""Commands that are killed at any moment: nothing false is said, nothing goes on, the next call cleans up."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import pytest
from attesting import TRUST
from clusters import reachable_home
from command_process import CommandRunner
from recovery_blocks import SECRETS, application, database, vault
from recovery_command import RecoveryCommand
from servers import noise_database, wait_for_no_session
from vaults import ProxiedVault, back_up_database

from core import vault_layout
from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from postgres_server.restore_server import RestoreServer
from recovery import catalogue
from recovery.drill import records, smoke_tests
from recovery.drill.evidence import Drill
from recovery.manifest import Manifest
from recovery.verify import CreateScratchDatabase, verify
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("killed-source")

DATABASE = "killed-source"
ROWS = 60_000
DIGESTS = 7
"""Of each row; the compressed dump takes two parts of an upload."""

MOMENTS = 50
_PATIENCE_SECONDS = 15.0
_COMMANDS = {"restore": ("restore", "--to", "new"), "verify": ("verify", "--deep", "--store", "database")}

_T = TypeVar("_T")


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise_database(cluster, DATABASE, rows=ROWS, digests=DIGESTS) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE INDEX ON noise (body); CREATE INDEX ON noise (id)")
            # The negative control of a drill damages two tables.
            connection.execute("CREATE TABLE tags (name text); INSERT INTO tags VALUES ('a'), ('b')")
        yield url


@pytest.fixture
def home() -> Generator[TwinHome]:
    with reachable_home() as home:
        yield home


@pytest.fixture
def commands(source: str, locked_vault: ProxiedVault, home: TwinHome, tmp_path: Path) -> CommandRunner:
    variables = {"TMPDIR": str(tmp_path), HOME_VARIABLE: str(home.root)}
    return CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket, variables=variables)


@pytest.fixture
def drills(source: str, locked_vault: ProxiedVault, home: TwinHome, tmp_path: Path) -> RecoveryCommand:
    folder = tmp_path / "empty"
    folder.mkdir()
    command = RecoveryCommand(folder, home, SECRETS)
    command.write(
        stores={"database": database(source, drill={"application": application("noise")})},
        vaults=vault(locked_vault),
    )
    return command


def measure(run: Callable[[], _T]) -> tuple[_T, float]:
    """Return what a call returns, and the seconds that it took."""
    started = time.monotonic()
    return run(), time.monotonic() - started


def kill_at(
    moment: int,
    seconds: float,
    process: "subprocess.Popen[str]",
    *,
    may_outlive: Callable[[psutil.Process], bool] = lambda _: False,
) -> str:
    """
    Kill a command, and it alone, at a moment of the seconds that it takes; return what it said.

    What it had started must end by itself, but for processes that may outlive it.
    """
    time.sleep((moment + 0.5) / MOMENTS * seconds)
    children: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        running = psutil.Process(process.pid)
        children = [child for child in running.children(recursive=True) if not may_outlive(child)]
    process.kill()
    out, _ = process.communicate()
    _, still = psutil.wait_procs(children, timeout=_PATIENCE_SECONDS)
    assert not still, still
    return out


def is_of(process: psutil.Process, folder: Path) -> bool:
    """Return whether a process works with a folder, by its arguments."""
    return str(folder) in " ".join(process.info["cmdline"] or ())


def read_evidence(of: ProxiedVault) -> list[Drill]:
    """Return the evidence of all drills in a vault."""
    keys = [key for key in of.keys() if key.startswith(vault_layout.DRILLS)]  # noqa: SIM118 - no dict
    return [records.parse(of.content(key)) for key in sorted(keys)]


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def is_server(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name().startswith("postgres")
    return False


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1, per=lambda command, **_: command)
@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("command", list(_COMMANDS))
def test_a_command_that_is_killed_leaves_nothing_after_the_next_call(  # noqa: PLR0917 - fixtures
    commands: CommandRunner,
    locked_vault: ProxiedVault,
    home: TwinHome,
    tmp_path: Path,
    command: str,
    moment: int,
) -> None:
    back_up_database(commands.database, locked_vault.client)
    before = set(locked_vault.keys())
    whole, seconds = measure(lambda: commands.run(*_COMMANDS[command]))
    assert whole.returncode == 0, whole.stdout + whole.stderr
    for backup in commands.run("discard").stdout.split()[:1]:
        commands.run("discard", backup)
    recorded = set(locked_vault.keys())
    process = commands.start(*_COMMANDS[command])
    # A server that is restored outlives the command; one for a verification doesn't.
    may_outlive = is_server if command == "restore" else lambda _: False
    out = kill_at(moment, seconds, process, may_outlive=may_outlive)
    # What it says is true: the next call finds it restored.
    has_ended = process.returncode != -signal.SIGKILL or "Restored" in out or "good" in out
    assert not any(path.is_file() for path in tmp_path.glob("bulwark-*/*")), "rows in clear"
    assert recorded >= before
    added = set(locked_vault.keys()) - recorded
    # An attestation alone counts for nothing: what it attests is stored after it.
    assert all(key.endswith(".attestation") or vault_layout.attestation(key) in added for key in added)
    assert command == "verify" or not added
    again = commands.run(*_COMMANDS[command])
    if has_ended and command == "restore":
        assert "is restored on this machine already" in again.stderr
    else:
        assert again.returncode == 0, again.stdout + again.stderr
    assert list(tmp_path.glob("bulwark-*")) == []
    if command == "restore":
        [line] = commands.run("discard").stdout.splitlines()
        assert line.endswith("running")
        assert commands.run("discard", line.split()[0]).returncode == 0
    left = [path.name for path in home.postgres.iterdir() if not path.name.startswith((".", "postgresql-"))]
    assert left == []


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_backup_that_is_killed_is_whole_or_not_there_and_the_next_leaves_nothing(
    commands: CommandRunner,
    locked_vault: ProxiedVault,
    scratch: CreateScratchDatabase,
    tmp_path: Path,
    moment: int,
) -> None:
    first, seconds = measure(lambda: commands.run("backup", "database"))
    assert first.returncode == 0, first.stderr
    [kept] = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    process = commands.start("backup", "database")
    said_so = "is in: " in kill_at(moment, seconds, process)
    there = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert there[-1].id == kept.id
    # It may have been killed after its manifest and before its message.
    assert len(there) == 2 if said_so or process.returncode == 0 else len(there) <= 2
    for one in there:
        assert one.counts
        assert one.manifest
        assert verify(one.manifest, locked_vault.client, scratch=scratch).passed
    listed = json.loads(commands.run("backups", "--json").stdout)
    assert [(row["id"], row["counts"]) for row in listed] == [(one.id, True) for one in there]
    again = commands.run("backup", "database")
    assert again.returncode == 0, again.stdout + again.stderr
    newest, *before = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert [one.id for one in before] == [one.id for one in there]
    assert newest.counts
    assert newest.manifest
    assert verify(newest.manifest, locked_vault.client).passed
    assert locked_vault.count_unfinished_uploads() == 0
    assert list(tmp_path.glob("bulwark-*")) == []
    wait_for_no_session(commands.database, DATABASE)


@pytest.mark.scenario("an interrupted command")
@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_drill_that_is_killed_claims_nothing_and_the_next_leaves_nothing(
    drills: RecoveryCommand,
    locked_vault: ProxiedVault,
    home: TwinHome,
    tmp_path: Path,
    moment: int,
) -> None:
    run, variables = ("drill", "loss", "--json"), {"TMPDIR": str(tmp_path)}
    assert drills.run("backup", variables=variables).code == 0
    # Its evidence is not in the vault, where that of the killed drill would be.
    whole = drills.start(*run, "--evidence", "whole.json", variables=variables)
    (_, said), seconds = measure(whole.communicate)
    assert whole.returncode == 0, said
    files = list_files(home.root)
    process = drills.start(*run, variables=variables)
    out = kill_at(moment, seconds, process)
    stored = read_evidence(locked_vault)
    if process.returncode == 0 or stored:
        [evidence] = stored
        assert evidence == Drill.model_validate_json(out)
        assert evidence.verdict == "passed", evidence.faults
    [row] = drills.run("backups", "--json").json
    assert row["how"] == ("drill" if stored else None)
    again = drills.run(*run, variables=variables)
    assert again.code == 0, again.text
    assert [evidence.verdict for evidence in read_evidence(locked_vault)] == ["passed"] * (len(stored) + 1)
    # Nothing is left but what a whole drill leaves.
    assert list_files(home.root) == files
    assert list(tmp_path.glob("bulwark-*")) == []
    assert not RestoreServer(home.postgres / "scratch").socket_folder.exists()
    assert smoke_tests.find_leftover_processes(str(home.root / "drill" / "file-example")) == []
    assert [process for process in psutil.process_iter(["cmdline"]) if is_of(process, home.root)] == []
