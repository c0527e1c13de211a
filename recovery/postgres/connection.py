"""The way to a database: the direct host only, and what a failed connection or statement means."""

import os
import re
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from core.failure import Failure

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


_KEPT: Final = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Of the caller's variables: where programs, client certificates and the system's authorities are."""

_TCP: Final = {
    "keepalives": "1",
    "keepalives_idle": "60",
    "keepalives_interval": "15",
    "keepalives_count": "4",
    "tcp_user_timeout": "120000",
}
"""Seconds, and milliseconds for the last: a peer that is gone is noticed after two minutes, not two hours."""

_CONNECT_SECONDS: Final = "30"
_TLS_DEMANDED: Final = frozenset({"require", "verify-ca", "verify-full"})
_HIDDEN: Final = "***"
_SECRETS: Final = (
    # An address with a password in it, a key and its value, and SQL's way to set one.
    (re.compile(r"(\w+://[^\s:@/]*:)[^\s@]+@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"(?i)(\w*(?:password|secret|token)\w*\s*=\s*)('(?:[^']|'')*'|\S+)"), rf"\1{_HIDDEN}"),
    (re.compile(r"(?i)((?:password|secret|token)\w*\s+)'(?:[^']|'')*'"), rf"\1{_HIDDEN}"),
    # A server cites the row that it cannot take, and rows are nobody's business.
    (re.compile(r"^(\s*(?:CONTEXT:\s*)?COPY \S.*?, line \d+(?:, column [^:]*)?): .*", re.MULTILINE), r"\1"),
    (re.compile(r"(Key \(.*?\)=)\(.*\)"), rf"\1({_HIDDEN})"),
    (re.compile(r"(Failing row contains )\(.*\)"), rf"\1({_HIDDEN})"),
)


def parameters(url: str) -> dict[str, str]:
    """
    Return what the address of a database says.

    Raises:
        Failure: it is none; it is not cited, for there is a password in it.
    """
    try:
        options = pq.Conninfo.parse(url.encode())
    except psycopg.Error:
        raise Failure(
            "The database's address is not one that PostgreSQL understands.",
            "give it as postgresql://user:password@host:port/database, with odd characters as %XX.",
        ) from None
    return {option.keyword.decode(): option.val.decode() for option in options if option.val is not None}


def environment(url: str) -> dict[str, str]:
    """
    Compose the whole environment of a client program: the connection, and the little else that it needs.

    Raises:
        Failure: the address says something that an environment cannot.
    """
    known = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    given = parameters(url)
    result = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Messages are read by this program, so they have to be in one language.
    result |= {"LC_ALL": "C", "PGCONNECT_TIMEOUT": _CONNECT_SECONDS, "PGAPPNAME": "bulwark"}
    for keyword, value in given.items():
        variable = known.get(keyword)
        if keyword in _TCP:
            continue
        if variable is None or keyword == "service":
            raise Failure(
                f"The database's address sets {keyword}, which client programs cannot be handed safely.",
                "take it out of the address.",
            )
        result[variable.decode()] = value
    return result


def harmless_arguments(url: str) -> str:
    """Return the connection string for the command line: what has no variable and is no secret."""
    given = parameters(url)
    return " ".join(f"{name}={int(given.get(name, default))}" for name, default in _TCP.items())


def demands_tls(url: str) -> bool:
    """Tell whether the address refuses to do without TLS."""
    given = parameters(url)
    return (
        given.get("sslmode") in _TLS_DEMANDED
        or given.get("channel_binding") == "require"
        or given.get("sslrootcert") == "system"
    )


def redacted(text: str, *urls: str, secrets: Iterable[str] = ()) -> str:
    """Take passwords and rows out of what a program has said."""
    hidden = set(secrets)
    for url in urls:
        hidden |= _secrets_of(parameters(url)) | {url}
    for secret in sorted(hidden, key=len, reverse=True):
        if secret:
            text = text.replace(secret, _HIDDEN)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _secrets_of(given: Mapping[str, str]) -> set[str]:
    found = {value for name, value in given.items() if "password" in name or "secret" in name}
    return found | {quote(value) for value in found} | {quote(value, safe="") for value in found}


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


_OWN: Final = re.compile(
    r"""
      pg_.*                                             # PostgreSQL's predefined roles
    | cloud_admin | neon_superuser | neon_service | databricks_.*
    | supabase_.* | dashboard_user | pgbouncer | pgsodium_.*
    | azure_pg_admin | azuresu | azure_.*
    | rdsadmin | rds_.* | rds
    | cloudsql.* | alloydb.*
    """,
    re.VERBOSE,
)


def is_vendors(role: str) -> bool:
    """Tell whether `role` belongs to a provider. anon, authenticated and service_role are the customer's."""
    return _OWN.fullmatch(role) is not None
