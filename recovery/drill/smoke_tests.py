"""Smoke tests of a recovered database: queries as the application role, and a start of the application."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import httpx
import psutil
import psycopg

from core.failure import Failure
from core.moment import is_moment
from recovery.drill.environment import DRILL_VARIABLE
from recovery.drill.evidence import Check
from recovery.drill.scenario_run import check_not_run
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.postgres.connection import connect

_PASSED_VARIABLES: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH")
"""Environment variables that the application gets from this process."""

_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 5.0
"""How long the application may take to end after SIGTERM."""

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


def run_assertions(url: str, spec: DrillSpec) -> Iterator[Check]:
    """Yield a check per assertion, and one for a write that is rolled back. After an error it has not run."""
    for assertion in spec.assertions:
        try:
            with connect(url) as connection:
                yield _check_assertion(connection, assertion)
        except (Failure, psycopg.Error) as error:
            yield check_not_run(assertion.name, assertion.sql, assertion.expected, error)
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

    Give the URL that answered 200. The application's environment has only `_PASSED_VARIABLES`, the
    database's URL, PORT and the variable of drills with the value `scope`.

    Raises:
        Failure: it can't be started, ends by itself, or is not healthy in time.
    """
    port = _free_port()
    url = application.health.replace("{port}", str(port))
    command = [part.replace("{port}", str(port)) for part in application.command]
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    environment |= {application.database_variable: database_url, "PORT": str(port), DRILL_VARIABLE: scope}
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(
            f"The platform's program {command[0]} can't be started: {error.strerror}.",
            "correct drill.application.command in the stack's settings.",
        ) from error
    try:
        _wait_until_healthy(process, url, application.ready_within_seconds)
        yield url
    finally:
        _stop(process)


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


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
