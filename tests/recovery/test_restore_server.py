"""Servers for restored dumps: encoding, locale and extensions of the source; the mark of an ended load."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from clusters import reachable_home
from command_process import CommandRunner
from servers import NewDatabase
from vaults import ProxiedVault, back_up_database

from cli.servers import list_servers, new_server, remove_server, scratch_server
from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from postgres_server.restore_server import RestoreServer
from recovery.manifest import ServerInfo
from recovery.postgres.globals import Extension

BACKUP = "20300115T021700Z-3f9a"
SERVER = ServerInfo(
    version="18.4",
    major=18,
    system_identifier="1",
    database='it\'s "odd"',
    encoding="UTF8",
    collation="builtin:C.UTF-8",
    ctype="C.UTF-8",
    locale_provider="builtin",
    locale="C.UTF-8",
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Give a state folder of its own; its servers are removed at the end."""
    with reachable_home() as folder:
        monkeypatch.setenv(HOME_VARIABLE, str(folder.root))
        yield folder.root
        for server in list_servers():
            remove_server(server.backup)


def test_scratch_server_has_the_encoding_and_locale_of_the_source(home: Path) -> None:
    """A LATIN1 database of the library's locale C, which has another order and folding than the default."""
    latin = SERVER.model_copy(
        update={"encoding": "LATIN1", "collation": "C", "ctype": "C", "locale_provider": "libc", "locale": ""}
    )
    with scratch_server(latin) as server, psycopg.connect(server.url) as connection:
        row = connection.execute(
            "SELECT current_database(), pg_encoding_to_char(encoding), datlocprovider::text, datcollate "
            "FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert row == (SERVER.database, "LATIN1", "c", "C")
        assert server.notes == ()
    assert not processes(home / "postgres")
    assert not (home / "postgres" / "scratch").exists()


@pytest.mark.parametrize(
    ("changes", "given", "note"),
    [
        ({"locale_provider": "icu", "locale": "sv-SE", "ctype": "C"}, ("b", "C.UTF-8"), "sv-SE of icu"),
        (
            {"locale_provider": "libc", "locale": "", "collation": "xx_XX.UTF-8", "ctype": "xx_XX.UTF-8"},
            ("b", "C.UTF-8"),
            "xx_XX.UTF-8 of libc",
        ),
        ({"locale_provider": "", "locale": "", "ctype": ""}, ("b", "C.UTF-8"), ""),
    ],
    ids=["ICU", "a locale that is not here", "an older manifest"],
)
def test_scratch_server_names_a_locale_that_it_does_not_have(
    home: Path, changes: dict[str, str], given: tuple[str, str], note: str
) -> None:
    with (
        scratch_server(SERVER.model_copy(update=changes)) as server,
        psycopg.connect(server.url) as connection,
    ):
        row = connection.execute(
            "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert row == given
        assert [note in said for said in server.notes] == ([True] if note else [])
    assert home.exists()


def test_scratch_server_has_the_allowed_extensions_alone(home: Path) -> None:
    """In the source's schema; for others there is a note. The owner is neither a superuser nor near one."""
    wanted = [
        Extension(name="vector", version="0.8.5", schema_name="extensions", owner="x"),
        Extension(name="dblink", version="1.2", schema_name="public", owner="x"),
        Extension(name="plpgsql", version="1.0", schema_name="pg_catalog", owner="x"),
    ]
    with scratch_server(SERVER, wanted) as server, psycopg.connect(server.url) as connection:
        made = connection.execute(
            "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension ORDER BY 1"
        ).fetchall()
        assert made == [("plpgsql", "1.0", "pg_catalog"), ("vector", "0.8.5", "extensions")]
        assert [note for note in server.notes if "dblink" in note] == list(server.notes)
        rights = connection.execute(
            "SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER') AND (rolsuper "
            "OR rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))"
        ).fetchall()
        assert rights == []
    assert home.exists()


def test_the_main_process_is_told_from_those_that_start_and_end_beside_it(home: Path) -> None:
    """A new session's process has the main one's title for an instant, and may be gone before it is read."""
    found = RestoreServer(home / "postgres" / "scratch", is_throw_away=True)
    with scratch_server(SERVER) as server, psycopg.connect(server.url):
        main = found.find_postmaster()
        assert main
        ended = threading.Event()

        def open_sessions() -> None:
            while not ended.is_set():
                psycopg.connect(server.url).close()

        sessions = [threading.Thread(target=open_sessions) for _ in range(3)]
        for thread in sessions:
            thread.start()
        try:
            assert {found.find_postmaster() for _ in range(150)} == {main}
        finally:
            ended.set()
            for thread in sessions:
                thread.join()


def test_restored_server_counts_when_its_load_has_ended(home: Path) -> None:
    """It goes on running after the block, and a second one of the same backup is refused."""
    with new_server(BACKUP, SERVER) as server:
        assert [(one.backup, one.state) for one in list_servers()] == [(BACKUP, "being restored")]
    assert [(one.backup, one.state) for one in list_servers()] == [(BACKUP, "running")]
    with psycopg.connect(server.shown_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("bulwark_owner",)
    with pytest.raises(Failure, match="is restored on this machine already"), new_server(BACKUP, SERVER):
        pass
    remove_server(BACKUP)
    assert list_servers() == []
    assert not processes(home / "postgres")
    assert list((home / "run").iterdir()) == []


def test_restored_server_is_removed_when_its_load_fails(home: Path) -> None:
    with pytest.raises(RuntimeError), new_server(BACKUP, SERVER):
        raise RuntimeError
    assert list_servers() == []
    assert not processes(home / "postgres")


@pytest.mark.parametrize("backup", ["..", "a/b", "", "x" * 65, "a\n"])
def test_server_of_an_id_that_is_none_is_refused(home: Path, backup: str) -> None:
    """The id of a backup comes from the vault, and is part of a path here."""
    with pytest.raises(Failure, match="is no id of a backup"), new_server(backup, SERVER):
        pass
    assert home.exists()


@pytest.mark.parametrize("stage", ["fetched", "loaded"])
def test_killed_restore_is_no_restored_server(
    new_database: NewDatabase, locked_vault: ProxiedVault, home: Path, stage: str
) -> None:
    """Nothing goes on running, `discard` lists it as a leftover, and the next call starts anew."""
    url = new_database("killed")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.t AS SELECT generate_series(1, 10) n")
    backup = back_up_database(url, locked_vault.client)
    commands = CommandRunner(url, locked_vault.proxy.url, locked_vault.bucket)
    commands.variables[HOME_VARIABLE] = str(home)
    with commands.paused_at(stage, "restore", "--to", "new") as process:
        assert processes(home / "postgres")
        process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not processes(home / "postgres"))
    assert commands.run("discard").stdout == f"{backup.id}  leftover\n"
    again = commands.run("restore", "--to", "new")
    [address] = re.findall(r"^It is at (postgresql://\S+)$", again.stdout, re.MULTILINE)
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM public.t").fetchone() == (10,)
    assert commands.run("discard").stdout == f"{backup.id}  running\n"


def test_killed_verification_leaves_no_server(
    new_database: NewDatabase, locked_vault: ProxiedVault, home: Path
) -> None:
    url = new_database("killed verification")
    back_up_database(url, locked_vault.client)
    commands = CommandRunner(url, locked_vault.proxy.url, locked_vault.bucket)
    commands.variables[HOME_VARIABLE] = str(home)
    with commands.paused_at("fetched", "verify", "--deep", "--store", "database") as process:
        assert processes(home / "postgres")
        process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not processes(home / "postgres"))
    verified = commands.run("verify", "--deep", "--store", "database")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert not (home / "postgres" / "scratch").exists()


def test_restored_server_listens_at_no_port(home: Path) -> None:
    """Its files are closed to others, and its superuser is closed to everybody."""
    with scratch_server(SERVER) as server:
        running = processes(home / "postgres")
        assert running
        assert [one.pid for one in running if one.net_connections("inet")] == []
        folder = re.search(r"host=([^&]+)", server.url)
        assert folder
        socket_folder = Path(folder[1].replace("%2F", "/"))
        assert socket_folder.stat().st_mode & 0o077 == 0
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(socket_folder), user="bulwark_superuser", dbname="template1")
        if os.geteuid() == 0:
            assert {one.uids().real for one in running}.isdisjoint({0})


def processes(folder: Path) -> list[psutil.Process]:
    """Return the main processes of PostgreSQL servers whose data is below the folder."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and any(str(folder) in part for part in process.cmdline()):
                found.append(process)
    return found


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
