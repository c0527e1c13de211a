"""Smoke tests of a recovered database: queries as the application role, and a start of the application."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import psutil
import psycopg

from core import sandbox
from core.failure import Failure
from core.moment import is_moment
from core.sandbox import SYSTEM_FOLDERS, Isolation, Sandbox, SandboxedProcess, SystemUser
from recovery.drill.environment import DRILL_VARIABLE
from recovery.drill.evidence import Check
from recovery.drill.scenario_run import check_not_run
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.postgres.connection import connect, explain_errors

_PASSED_VARIABLES: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH")
"""Environment variables that the application gets from this process."""

_POLL_SECONDS: Final = 0.05
_PORTS_TRIED: Final = 3
_GRACE_SECONDS: Final = 5.0
"""How long the application may take to end after SIGTERM."""

_MAX_LINKS: Final = 40
"""As many links as Linux follows."""

_TEMPORARY: Final = "/tmp"  # noqa: S108 - in a sandbox it is private and empty
_ROLLED_BACK: Final = "rows written, and nothing left of it"


def read_newest_change(url: str, query: str) -> datetime | None:
    """
    Return the time of the newest change in the data; None if the query returns NULL.

    Raises:
        Failure: the query fails, or does not return a time with a time zone.
    """
    with connect(url) as connection:
        value = _fetch_value(connection, query)
    if value is None:
        return None
    if not isinstance(value, datetime) or not value.tzinfo or not is_moment(value):
        raise Failure(
            "The query for the newest change gives no time with a time zone, between 1970 and 9000.",
            "make drill.newest_change give one timestamptz.",
        )
    return value.astimezone(UTC)


def count_tables(url: str) -> int:
    """
    Return the number of tables, as the first query where a drill has none of its own.

    Raises:
        Failure: the database does not answer.
    """
    with connect(url) as connection, explain_errors(connection, "count the tables"):
        row = connection.execute("SELECT count(*) FROM pg_catalog.pg_class WHERE relkind = 'r'").fetchone()
    return int(row[0]) if row else 0


def run_assertions(url: str, spec: DrillSpec) -> Iterator[Check]:
    """Yield a check per assertion, and for a write that is rolled back. After an error it has not run."""
    for assertion in spec.assertions:
        try:
            with connect(url) as connection:
                yield _check_assertion(connection, assertion)
        except (Failure, psycopg.Error) as error:
            yield check_not_run(assertion.name, assertion.sql, assertion.expected, error)
    if not spec.write:
        return
    try:
        with connect(url) as connection:
            yield _check_write(connection, spec.write)
    except (Failure, psycopg.Error) as error:
        yield check_not_run("a write that is rolled back", spec.write, _ROLLED_BACK, error)


def _check_assertion(connection: psycopg.Connection, assertion: Assertion) -> Check:
    value = _fetch_value(connection, assertion.sql)
    actual = str(value).lower() if isinstance(value, bool) else str(value)
    return Check(
        name=assertion.name,
        what=assertion.sql,
        expected=assertion.expected,
        actual=actual,
        outcome="passed" if actual == assertion.expected else "failed",
    )


def _check_write(connection: psycopg.Connection, statement: str) -> Check:
    with connection.transaction(force_rollback=True):
        count = connection.execute(statement.encode()).rowcount
        number = _fetch_value(connection, "SELECT pg_current_xact_id_if_assigned()::text")
    state = "never began"
    if number:
        row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
        state = str(row[0]) if row else "unknown"
    is_rolled_back = count > 0 and state == "aborted"
    return Check(
        name="a write that is rolled back",
        what=statement,
        expected=_ROLLED_BACK,
        actual=_ROLLED_BACK if is_rolled_back else f"{count} rows written, and the transaction {state}",
        outcome="passed" if is_rolled_back else "failed",
    )


def _fetch_value(connection: psycopg.Connection, query: str) -> object:
    rows = connection.execute(query.encode()).fetchall()
    if len(rows) != 1 or len(rows[0]) != 1:
        raise Failure(
            f"A query of the drill gives {len(rows)} rows; one with one value was expected.",
            "correct it in the block `drill` of the stack's settings.",
            query,
        )
    return rows[0][0]


@contextmanager
def start_application(application: Application, database_url: str, *, scope: str) -> Generator[str]:
    """
    Start the application in the current folder, wait until it is healthy, and end it with the block.

    Give the URL that answered 200. What it serves came out of a dump, so it runs as another user, or with
    files and processes of its own (see `find_isolation`). It reads the current folder, the system's programs
    and its own, writes temporary files alone, and keeps the caller's network, in which the recovered database
    is. Its environment has only `_PASSED_VARIABLES`, the database's URL, PORT and the variable of drills with
    the value `scope`.

    Raises:
        Failure: it can't be started, ends by itself, or is not healthy in time.
    """
    sandboxed, url = _start_healthy(application, database_url, scope)
    try:
        yield url
    finally:
        _stop(sandboxed)


def _start_healthy(application: Application, database_url: str, scope: str) -> tuple[SandboxedProcess, str]:
    tried = 0
    while True:
        tried += 1
        port = _free_port()
        url = application.health.replace("{port}", str(port))
        sandboxed = _start(application, database_url, scope, port)
        try:
            _wait_until_healthy(sandboxed.process, url, application.ready_within_seconds)
        except BaseException as error:
            _stop(sandboxed)
            # Whatever else runs on this machine may have taken the port before the application did.
            if tried == _PORTS_TRIED or not isinstance(error, Failure) or _is_free(port):
                raise
        else:
            return sandboxed, url


def _start(application: Application, database_url: str, scope: str, port: int) -> SandboxedProcess:
    command = [part.replace("{port}", str(port)) for part in application.command]
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    environment |= {application.database_variable: database_url, "PORT": str(port), DRILL_VARIABLE: scope}
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        raise Failure(
            f"The platform's program {command[0]} can't be started: there is no such program.",
            "correct drill.application.command in the stack's settings.",
        )
    isolation = Isolation(None, namespaces=False) if application.is_unsandboxed else find_isolation()
    if isolation.is_any:
        environment |= {"HOME": _TEMPORARY, "TMPDIR": _TEMPORARY}
    return sandbox.start(
        command,
        Sandbox(isolation, _readable(Path(program), environment), own_network=False),
        environment=environment,
        folder=Path.cwd(),
    )


def find_isolation() -> Isolation:
    """Return how the application can be separated here; for root it runs as the system's user for nobody."""
    nobody = pwd.getpwnam("nobody")
    return sandbox.find_isolation(SystemUser(nobody.pw_uid, nobody.pw_gid))


def _readable(program: Path, environment: Mapping[str, str]) -> list[Path]:
    """Return what the application may read: the system, the current folder, and where its program lives."""
    folders = [*SYSTEM_FOLDERS, Path("/etc"), Path("/opt"), Path("/etc/resolv.conf").resolve(), Path.cwd()]
    folders += [Path(folder).absolute() for folder in environment.get("PYTHONPATH", "").split(":") if folder]
    for place in _follow_links(program.absolute()):
        home = place.parent.parent
        # `bin` is within an installation, except where a user or the system collects programs of all kinds.
        is_own = place.parent.name == "bin" and home.name != ".local" and home not in {Path("/"), Path.home()}
        folders.append(home if is_own else place.parent)
    return folders


def _follow_links(program: Path) -> Iterator[Path]:
    """Yield the program's path and each path that its links lead over, such as a virtualenv's interpreter."""
    yield program
    for _ in range(_MAX_LINKS):
        program = program.parent.resolve() / program.name
        yield program
        if not program.is_symlink():
            return
        program = program.parent / program.readlink()


def find_leftover_processes(scope: str) -> list[psutil.Process]:
    """Return the running processes that drills of this scope have started."""
    leftovers: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(DRILL_VARIABLE) == scope and process.status() != psutil.STATUS_ZOMBIE:
                leftovers.append(process)
    return leftovers


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    last = "it did not answer"
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                last = f"the program ended with exit code {code}"
                break
            try:
                response = client.get(url)
            except httpx.HTTPError:
                time.sleep(_POLL_SECONDS)
                continue
            if response.status_code == 200:
                return
            last = f"it answered {response.status_code}"
            time.sleep(_POLL_SECONDS)
    raise Failure(
        f"The platform is not healthy on the recovered database: {last} within {patience_seconds:g} s.",
        "start it by hand against a restored copy and look at what it says.",
    )


def _stop(sandboxed: SandboxedProcess) -> None:
    sandboxed.signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        sandboxed.process.wait(_GRACE_SECONDS)
    sandboxed.end()


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
