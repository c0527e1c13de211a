"""Asks each database of a platform, as its owner."""

from collections.abc import Iterator
from typing import Any, Final, LiteralString

import psycopg

from readiness.check import NotApplicableError
from readiness.live_platform import DatabaseAccess, LivePlatform
from recovery.postgres.connection import explain_errors

STATEMENT_SECONDS: Final = 15


def list_databases(platform: LivePlatform) -> Iterator[tuple[str, DatabaseAccess]]:
    """
    Yield the databases by name.

    Raises:
        NotApplicableError: there is none whose owner is known.
    """
    if not platform.databases:
        raise NotApplicableError("the stack has no database whose owner is known here")
    yield from platform.databases.items()


def fetch_rows(
    connection: psycopg.Connection, what: str, query: LiteralString, parameters: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """
    Return the rows of a query that ends in time and changes nothing.

    Raises:
        Failure: the database refuses it; `what` says what was wanted, such as `read the roles`.
    """
    with explain_errors(connection, what), connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'".encode())
        return connection.execute(query, parameters).fetchall()
