"""The way to a database: the direct host only, and what a failed connection or statement means."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import make_conninfo

from recovery.postgres.libpq import parameters
from toolchain.failure import Failure

_POOLED_LABEL = "-pooler"
_DEFAULTS = {
    "application_name": "bulwark",
    # Seconds. A database that has scaled to zero comes up within it.
    "connect_timeout": "30",
    # Firewalls forget a connection that is silent for the length of a dump, and a dead one is to be noticed.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
}
_TELLTALE = "-c jit=off"
"""A server takes any setting at the start of a session; poolers refuse those that they can't keep apart."""

_TO_DIRECT = "use the URL of the direct host: a pooler changes the session under a dump's snapshot."


@contextmanager
def connected(url: str) -> Generator[psycopg.Connection]:
    """
    Connect in autocommit mode, with nothing but the URL's own settings; the connection ends with the block.

    Raises:
        Failure: the URL is none, leads to a pooler, or nobody answers there. It never shows the URL.
    """
    chosen = _parameters(url)
    try:
        connection = psycopg.connect(make_conninfo(**chosen), autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise _refused(chosen, error) from error
    try:
        yield connection
    finally:
        with suppress(psycopg.Error):
            connection.close()


@contextmanager
def explained(connection: psycopg.Connection, doing: str, on: str = "") -> Generator[None]:
    """Turn a statement's error into a Failure that names the object `on`, the role and what to do."""
    where = f" of {on}" if on else ""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise Failure(
            f'the role "{connection.info.user}" may not {doing}{where}.',
            "let it read everything: GRANT pg_read_all_data (or SELECT on the table and USAGE on its "
            "schema), and BYPASSRLS where row security is on; large objects need a grant each.",
            _said(error),
        ) from error
    except psycopg.OperationalError as error:
        raise Failure(
            f"could not {doing}{where}.",
            "if the connection was lost, look at the server's log and the network, then run this again.",
            _said(error),
        ) from error
    except psycopg.Error as error:
        raise Failure(
            f"could not {doing}{where}.", "look at what the server said; nothing was changed.", _said(error)
        ) from error


def _parameters(url: str) -> dict[str, str]:
    given = parameters(url)
    for host in given.get("host", "").split(","):
        if host.split(".", 1)[0].endswith(_POOLED_LABEL):
            raise Failure(f"{host} is a pooled host.", _TO_DIRECT)
    return {**_DEFAULTS, **given, "options": f"{given.get('options', '')} {_TELLTALE}".strip()}


def _refused(given: dict[str, str], error: psycopg.Error) -> Failure:
    where = f'database "{given.get("dbname", "")}" at {given.get("host", "the local socket")}'
    said = _said(error)
    if "startup parameter" in said or "command-line options" in said:
        return Failure(f"the {where} is behind a connection pooler.", _TO_DIRECT, said)
    return Failure(
        f"cannot connect to the {where} as {given.get('user', 'the current user')}.",
        "check that the host answers, and the user and the password in the URL.",
        said,
    )


def _said(error: psycopg.Error) -> str:
    """
    Give the server's message without its DETAIL and CONTEXT, which may quote rows.

    For a connection that was never made there is only what the client library says; it names no password.
    """
    return error.diag.message_primary or "\n".join(str(error).splitlines()[:3])
