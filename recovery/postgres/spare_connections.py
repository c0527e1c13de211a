"""How many connections a backup reads with: no more than the server, and whoever else uses it, can spare."""

import os
from typing import Final

import psycopg

from recovery.postgres.snapshot import fetch_one_row

DEFAULT_CONNECTIONS: Final = 2
_SHARE: Final = 2
"""Of the connections that are free, a backup takes one in so many."""

# Everybody may see how many connections a database has, and the settings; -1 is no limit.
_FREE: Final = """
    SELECT least(
        current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8
            - coalesce(current_setting('reserved_connections', true)::int8, 0)
            - (SELECT coalesce(sum(numbackends), 0) FROM pg_stat_database),
        (SELECT CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit - s.numbackends END
         FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = current_database()),
        (SELECT CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit - (
                SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid) END
         FROM pg_roles r WHERE r.rolname = session_user))::int8
"""


def choose_connections(connection: psycopg.Connection, wanted: int | None = None) -> int:
    """
    Return the number of connections to read rows with, at least 1, beside this one, which holds the snapshot.

    Args:
        connection: to the database.
        wanted: the largest number. None is two, or one on a machine with one core.
    """
    largest = wanted or min(DEFAULT_CONNECTIONS, os.cpu_count() or 1)
    (free,) = fetch_one_row(connection, _FREE)
    return max(1, min(largest, int(free) // _SHARE))
