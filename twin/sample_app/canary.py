"""
One row that the deployed platform writes every few seconds.

Its time in a recovered copy tells to the second what was lost, whatever else the platform was doing.
"""

import time
from collections.abc import Callable

import psycopg

INTERVAL_SECONDS = 2.0
_MAKE = """
    CREATE TABLE IF NOT EXISTS canary (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        number bigint NOT NULL,
        written_at timestamptz NOT NULL
    )
"""
_FIRST = "INSERT INTO canary (number, written_at) VALUES (0, clock_timestamp()) ON CONFLICT DO NOTHING"
_WRITE = "UPDATE canary SET number = number + 1, written_at = clock_timestamp()"


def prepare(owner_uri: str) -> None:
    """Make the row; what may be done with it comes from the schema's default privileges."""
    with psycopg.connect(owner_uri) as connection:
        connection.execute(_MAKE)
        connection.execute(_FIRST)


class Writer:
    """Writes for ever; skips a beat when the database can't be had, which is /health's to tell."""

    def __init__(self, database_url: Callable[[], str]) -> None:
        self._database_url = database_url

    def run(self) -> None:
        while True:
            try:
                self._write_until_lost()
            except (psycopg.Error, OSError, ValueError, KeyError):
                time.sleep(INTERVAL_SECONDS)

    def _write_until_lost(self) -> None:
        """Write through one connection, anew when a deploy has moved the database."""
        uri = self._database_url()
        with psycopg.connect(uri, autocommit=True, connect_timeout=10) as connection:
            while uri == self._database_url():
                connection.execute(_WRITE)
                time.sleep(INTERVAL_SECONDS)
