"""Whether two addresses lead to one database, whatever they call it."""

import secrets

from recovery.postgres.connecting import connected

_LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(%s)"
_SEEN = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()
            AND (l.classid::bigint << 32) + l.objid::bigint = %s)
"""


def same_server(source_url: str, target_url: str) -> bool:
    """
    Tell whether both addresses lead to the same database of the same running server.

    One session takes a lock under a random number; whether another sees it needs no names, which have
    aliases, and no system identifier, which a branch or any other physical copy shares with its source.

    Raises:
        Failure: one of them cannot be reached, so nothing is known.
    """
    number = secrets.randbelow(1 << 62)
    with connected(source_url) as source, connected(target_url) as target, source.transaction():
        source.execute(_LOCK, (number,))
        seen = target.execute(_SEEN, (number,)).fetchone()
        # The lock was there all the while only if this session still is.
        held = source.execute(_SEEN, (number,)).fetchone()
    if not held or not held[0]:
        # A pooler that changed sessions within a transaction, or a server that does not lock.
        raise RuntimeError("A lock that was taken is not there.")
    return bool(seen and seen[0])
