"""Asks a recovered copy what only the platform's own people know, as the role that the platform runs as."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from recovery.drill.attempt import cause_of
from recovery.drill.evidence import Check
from recovery.drill.terms import Assertion, Terms
from recovery.postgres.connecting import connected
from toolchain.failure import Failure


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


def answers(url: str, terms: Terms) -> Iterator[Check]:
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
