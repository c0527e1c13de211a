"""
The canary: one row that the deployed platform updates every two seconds.

Its time in a recovered copy shows to the second what was lost, whether or not the platform wrote anything
else.
"""

import time
from collections.abc import Callable

import psycopg

INTERVAL_SECONDS = 2.0
_CREATE_TABLE = """
    CREATE TABLE IF NOT EXISTS canary (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        number bigint NOT NULL,
        written_at timestamptz NOT NULL
    )
"""
_INSERT_ROW = "INSERT INTO canary (number, written_at) VALUES (0, clock_timestamp()) ON CONFLICT DO NOTHING"
_UPDATE_ROW = "UPDATE canary SET number = number + 1, written_at = clock_timestamp()"


def create_table(owner_uri: str) -> None:
    """Create the table and its row. The schema's default privileges grant access to it."""
    with psycopg.connect(owner_uri) as connection:
        connection.execute(_CREATE_TABLE)
        connection.execute(_INSERT_ROW)


class CanaryWriter:
    """Updates the row forever. While the database can't be reached it waits; /health reports that."""

    def __init__(self, database_url: Callable[[], str]) -> None:
        self._database_url = database_url

    def run(self) -> None:
        while True:
            try:
                self._write_until_lost()
            except (psycopg.Error, OSError, ValueError, KeyError):
                time.sleep(INTERVAL_SECONDS)

    def _write_until_lost(self) -> None:
        """Write through one connection, until it fails or a deploy moves the database."""
        uri = self._database_url()
        with psycopg.connect(uri, autocommit=True, connect_timeout=10) as connection:
            while uri == self._database_url():
                connection.execute(_UPDATE_ROW)
                time.sleep(INTERVAL_SECONDS)
