"""Commands that are killed at any moment: nothing false is said, nothing goes on, the next call cleans up."""

import signal
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from clusters import reachable_home
from command_process import CommandRunner
from servers import noise_database
from vaults import ProxiedVault, back_up_database

from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("killed-source")

ROWS = 60_000
MOMENTS = 50
_PATIENCE_SECONDS = 15.0
_COMMANDS = {"restore": ("restore", "--to", "new"), "verify": ("verify", "--deep", "--store", "database")}


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise_database(cluster, "killed-source", rows=ROWS, digests=4) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE INDEX ON noise (body); CREATE INDEX ON noise (id)")
        yield url


@pytest.fixture
def home() -> Generator[TwinHome]:
    with reachable_home() as home:
        yield home


@pytest.fixture
def commands(source: str, locked_vault: ProxiedVault, home: TwinHome, tmp_path: Path) -> CommandRunner:
    variables = {"TMPDIR": str(tmp_path), HOME_VARIABLE: str(home.root)}
    return CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket, variables=variables)


def kill_with_children(process: psutil.Process) -> list[psutil.Process]:
    """Kill a process and return those that it had started, but for servers, which outlive a command."""
    with suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
        process.kill()
        return [child for child in children if not is_server(child)]
    return []


def is_server(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name().startswith("postgres")
    return False


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
    started = time.monotonic()
    whole = commands.run(*_COMMANDS[command])
    seconds = time.monotonic() - started
    assert whole.returncode == 0, whole.stdout + whole.stderr
    for backup in commands.run("discard").stdout.split()[:1]:
        commands.run("discard", backup)
    recorded = set(locked_vault.keys())
    process = commands.start(*_COMMANDS[command])
    time.sleep((moment + 0.5) / MOMENTS * seconds)
    children = kill_with_children(psutil.Process(process.pid))
    out, _ = process.communicate()
    # What it says is true: the next call finds it restored.
    has_ended = process.returncode != -signal.SIGKILL or "Restored" in out or "good" in out
    _, running = psutil.wait_procs(children, timeout=_PATIENCE_SECONDS)
    assert not running, running
    assert not any(path.is_file() for path in tmp_path.glob("bulwark-*/*")), "rows in clear"
    assert has_ended or set(locked_vault.keys()) == recorded >= before
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
