"""Asks a recovered copy what only the platform's own people know, as the role that the platform runs as."""

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
from recovery.drill.environment import MARK
from recovery.drill.evidence import Check
from recovery.drill.scenario_run import cause_of
from recovery.drill.terms import Application, Assertion, DrillSpec
from recovery.postgres.connection import connected


def newest_change(url: str, query: str) -> datetime | None:
    """
    Return the time of the newest change that the data knows of, None where it knows of none.

    Raises:
        Failure: the query can't be answered, or gives no time with a time zone.
    """
    with connected(url) as connection:
        value = _one(connection, query)
    if value is None:
        return None
    if not isinstance(value, datetime) or not value.tzinfo:
        raise Failure(
            "The query for the newest change gives no time with a time zone.",
            "make drill.newest_change give one timestamptz.",
        )
    return value.astimezone(UTC)


def answers(url: str, terms: DrillSpec) -> Iterator[Check]:
    """Ask every assertion, and try a write that is rolled back; what can't be asked is a check not run."""
    for assertion in terms.assertions:
        try:
            with connected(url) as connection:
                yield _answer(connection, assertion)
        except (Failure, psycopg.Error) as error:
            yield _not_run(assertion.name, assertion.sql, assertion.expected, error)
    try:
        with connected(url) as connection:
            yield _written(connection, terms.write)
    except (Failure, psycopg.Error) as error:
        yield _not_run("a write that is rolled back", terms.write, _UNDONE, error)


_UNDONE = "rows written, and nothing left of it"


def _answer(connection: psycopg.Connection, assertion: Assertion) -> Check:
    value = _one(connection, assertion.sql)
    actual = str(value).lower() if isinstance(value, bool) else str(value)
    return Check(
        name=assertion.name,
        what=assertion.sql,
        expected=assertion.expected,
        actual=actual,
        outcome="passed" if actual == assertion.expected else "failed",
    )


def _written(connection: psycopg.Connection, statement: str) -> Check:
    with connection.transaction(force_rollback=True):
        count = connection.execute(statement.encode()).rowcount
        number = _one(connection, "SELECT pg_current_xact_id_if_assigned()::text")
    state = "never began"
    if number:
        row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (number,)).fetchone()
        state = str(row[0]) if row else "unknown"
    good = count > 0 and state == "aborted"
    return Check(
        name="a write that is rolled back",
        what=statement,
        expected=_UNDONE,
        actual=_UNDONE if good else f"{count} rows written, and the transaction {state}",
        outcome="passed" if good else "failed",
    )


def _one(connection: psycopg.Connection, query: str) -> object:
    rows = connection.execute(query.encode()).fetchall()
    if len(rows) != 1 or len(rows[0]) != 1:
        raise Failure(
            f"A query of the drill gives {len(rows)} rows; one with one value was expected.",
            "correct it in the block `drill` of the stack's settings.",
            query,
        )
    return rows[0][0]


def _not_run(name: str, what: str, expected: str, error: Failure | psycopg.Error) -> Check:
    return Check(name=name, what=what, expected=expected, actual="", outcome="not_run", why=cause_of(error))


_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH")
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 5.0


@contextmanager
def healthy(application: Application, database_url: str, *, scope: str) -> Generator[str]:
    """
    Start the program in this folder, wait until its health is green, and end it with the block.

    Gives the address that answered 200. Of this process's environment the program gets only what any program
    needs; with it, the database's address and PORT.

    Raises:
        Failure: it can't be started, ends by itself, or is not healthy in time.
    """
    port = _free_port()
    url = application.health.replace("{port}", str(port))
    command = [part.replace("{port}", str(port)) for part in application.command]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {application.database_variable: database_url, "PORT": str(port), MARK: scope}
    try:
        running = subprocess.Popen(
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
        _await(running, url, application.ready_within_seconds)
        yield url
    finally:
        _end(running)


def leftovers(scope: str) -> list[psutil.Process]:
    """Return the processes that drills of this scope have left running."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == scope and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _await(running: subprocess.Popen[bytes], url: str, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    last = "it did not answer"
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (code := running.poll()) is not None:
                last = f"the program ended with exit code {code}"
                break
            try:
                answer = client.get(url)
            except httpx.HTTPError:
                time.sleep(_POLL_SECONDS)
                continue
            if answer.status_code == 200:
                return
            last = f"it answered {answer.status_code}"
            time.sleep(_POLL_SECONDS)
    raise Failure(
        f"The platform is not healthy on the recovered database: {last} within {patience_seconds:g} s.",
        "start it by hand against a restored copy and look at what it says.",
    )


def _end(running: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
