"""
Connections to a PostgreSQL database, by psycopg and by client programs.

Only the direct host is used: a pooler changes the session under a dump's snapshot. No error shows a URL, a
password or a row.
"""

import os
import re
import secrets
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from core.failure import Failure

_APPLICATION_NAME: Final = "bulwark"
_CONNECT_SECONDS: Final = "30"
"""A database that has scaled to zero starts within it."""

_SESSION_DEFAULTS: Final = {
    "application_name": _APPLICATION_NAME,
    "connect_timeout": _CONNECT_SECONDS,
    # Seconds. Firewalls drop a connection that is silent for the length of a dump.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
}
_CLIENT_KEEPALIVES: Final = {
    "keepalives": "1",
    "keepalives_idle": "60",
    "keepalives_interval": "15",
    "keepalives_count": "4",
    "tcp_user_timeout": "120000",
}
"""Seconds, and milliseconds for the last. A lost server is noticed after two minutes instead of two hours."""

_POOLER_SUFFIX: Final = "-pooler"
_POOLER_PROBE: Final = "-c jit=off"
"""A server accepts any setting at the start of a session; poolers refuse those that they can't keep apart."""

_USE_DIRECT_HOST: Final = (
    "use the URL of the direct host: a pooler changes the session under a dump's snapshot."
)

_INHERITED_VARIABLES: Final = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The caller's variables that locate programs, client certificates and certificate authorities."""

_TLS_MODES: Final = frozenset({"require", "verify-ca", "verify-full"})

_MASK: Final = "***"
_SECRET_PATTERNS: Final = (
    # A URL with a password, a key with its value, and SQL that sets a password.
    (re.compile(r"(\w+://[^\s:@/]*:)[^\s@]+@"), rf"\1{_MASK}@"),
    (re.compile(r"(?i)(\w*(?:password|secret|token)\w*\s*=\s*)('(?:[^']|'')*'|\S+)"), rf"\1{_MASK}"),
    (re.compile(r"(?i)((?:password|secret|token)\w*\s+)'(?:[^']|'')*'"), rf"\1{_MASK}"),
    # The server quotes the row that it rejects.
    (re.compile(r"^(\s*(?:CONTEXT:\s*)?COPY \S.*?, line \d+(?:, column [^:]*)?): .*", re.MULTILINE), r"\1"),
    (re.compile(r"(Key \(.*?\)=)\(.*\)"), rf"\1({_MASK})"),
    (re.compile(r"(Failing row contains )\(.*\)"), rf"\1({_MASK})"),
)

_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(%s)"
_LOCK_EXISTS: Final = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()
            AND (l.classid::bigint << 32) + l.objid::bigint = %s)
"""


def parse_url(url: str) -> dict[str, str]:
    """
    Return the connection parameters in a database's URL.

    Raises:
        Failure: the URL can't be parsed. It is not quoted, because it may hold a password.
    """
    try:
        options = pq.Conninfo.parse(url.encode())
    except psycopg.Error:
        raise Failure(
            "The database's address is not one that PostgreSQL understands.",
            "give it as postgresql://user:password@host:port/database, with odd characters as %XX.",
        ) from None
    return {option.keyword.decode(): option.val.decode() for option in options if option.val is not None}


def requires_tls(url: str) -> bool:
    """Return whether the URL forbids a connection without TLS."""
    parameters = parse_url(url)
    return (
        parameters.get("sslmode") in _TLS_MODES
        or parameters.get("channel_binding") == "require"
        or parameters.get("sslrootcert") == "system"
    )


def libpq_environment(url: str) -> dict[str, str]:
    """
    Return the whole environment of a client program: libpq's variables for `url` and a few of the caller's.

    Raises:
        Failure: the URL sets a parameter for which libpq has no variable.
    """
    variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    environment = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    # The programs' messages are parsed here, so they must be in one language.
    environment |= {"LC_ALL": "C", "PGCONNECT_TIMEOUT": _CONNECT_SECONDS, "PGAPPNAME": _APPLICATION_NAME}
    for keyword, value in parse_url(url).items():
        variable = variables.get(keyword)
        if keyword in _CLIENT_KEEPALIVES:
            continue
        if variable is None or keyword == "service":
            raise Failure(
                f"The database's address sets {keyword}, which client programs cannot be handed safely.",
                "take it out of the address.",
            )
        environment[variable.decode()] = value
    return environment


def keepalive_parameters(url: str) -> str:
    """Return the connection string for a command line: what has no variable in libpq and is not secret."""
    parameters = parse_url(url)
    return " ".join(
        f"{name}={int(parameters.get(name, default))}" for name, default in _CLIENT_KEEPALIVES.items()
    )


@contextmanager
def connect(url: str) -> Generator[psycopg.Connection]:
    """
    Open an autocommit connection with the URL's own settings only; close it at the end of the block.

    Raises:
        Failure: the URL can't be parsed or leads to a pooler, or the server can't be reached.
    """
    parameters = _session_parameters(url)
    try:
        connection = psycopg.connect(make_conninfo(**parameters), autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise _connection_failure(parameters, error) from error
    try:
        yield connection
    finally:
        with suppress(psycopg.Error):
            connection.close()


def _session_parameters(url: str) -> dict[str, str]:
    parameters = parse_url(url)
    for host in parameters.get("host", "").split(","):
        if host.split(".", 1)[0].endswith(_POOLER_SUFFIX):
            raise Failure(f"{host} is a pooled host.", _USE_DIRECT_HOST)
    options = f"{parameters.get('options', '')} {_POOLER_PROBE}".strip()
    return {**_SESSION_DEFAULTS, **parameters, "options": options}


def _connection_failure(parameters: Mapping[str, str], error: psycopg.Error) -> Failure:
    where = f'database "{parameters.get("dbname", "")}" at {parameters.get("host", "the local socket")}'
    message = _primary_message(error)
    if "startup parameter" in message or "command-line options" in message:
        return Failure(f"the {where} is behind a connection pooler.", _USE_DIRECT_HOST, message)
    return Failure(
        f"cannot connect to the {where} as {parameters.get('user', 'the current user')}.",
        "check that the host answers, and the user and the password.",
        message,
    )


@contextmanager
def explain_errors(connection: psycopg.Connection, action: str, subject: str = "") -> Generator[None]:
    """
    Turn a statement's error into a Failure with a next step.

    Args:
        connection: runs the statements of the block.
        action: the verb and its object in the Failure: "could not {action} of {subject}".
        subject: the database object that the statements are about, if it is a single one.
    """
    where = f" of {subject}" if subject else ""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        step = (
            "let it read everything: GRANT pg_read_all_data (or SELECT on the table and USAGE on its "
            "schema), and BYPASSRLS where row security is on."
        )
        raise Failure(
            f'the role "{connection.info.user}" may not {action}{where}.',
            large_object_grants(connection.info.user) if "large object" in str(error) else step,
            _primary_message(error),
        ) from error
    except psycopg.OperationalError as error:
        raise Failure(
            f"could not {action}{where}.",
            "if the connection was lost, look at the server's log and the network, then run this again.",
            _primary_message(error),
        ) from error
    except psycopg.Error as error:
        raise Failure(
            f"could not {action}{where}.",
            "look at what the server said; nothing was changed.",
            _primary_message(error),
        ) from error


def large_object_grants(role: str) -> str:
    """Return the advice, with the statements, for a role that may not read large objects."""
    grant_each = sql.SQL(
        "SELECT format('GRANT SELECT ON LARGE OBJECT %s TO %I', oid, {}) FROM pg_largeobject_metadata"
    )
    grant_later = sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO {}")
    return (
        "pg_read_all_data does not cover large objects. As their owner, let the backup role read those that "
        f"there are: {grant_each.format(role).as_string()} \\gexec; and from PostgreSQL 18 on those to come: "
        f"{grant_later.format(sql.Identifier(role)).as_string()}."
    )


def _primary_message(error: psycopg.Error) -> str:
    """
    Return the server's message without its DETAIL and CONTEXT, which may quote rows.

    If no connection was made, the message is libpq's own; libpq names no password.
    """
    return error.diag.message_primary or "\n".join(str(error).splitlines()[:3])


def redact(text: str, *urls: str, secrets: Iterable[str] = ()) -> str:
    """Mask URLs, passwords, the given secrets and rows in a program's output."""
    hidden = set(secrets)
    for url in urls:
        hidden |= _passwords_in(parse_url(url)) | {url}
    for secret in sorted(hidden, key=len, reverse=True):
        if secret:
            text = text.replace(secret, _MASK)
    for pattern, replacement in _SECRET_PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _passwords_in(parameters: Mapping[str, str]) -> set[str]:
    passwords = {value for name, value in parameters.items() if "password" in name or "secret" in name}
    return passwords | {quote(value) for value in passwords} | {quote(value, safe="") for value in passwords}


def is_same_database(source_url: str, target_url: str) -> bool:
    """
    Return whether both URLs lead to the same database of the same running server.

    One session takes an advisory lock under a random number, and the other looks for it. Names won't do, as
    they have aliases; nor will the system identifier, which a branch or any other physical copy shares with
    its source.

    Raises:
        Failure: one of the databases can't be reached.
    """
    number = secrets.randbelow(1 << 62)
    with connect(source_url) as source, connect(target_url) as target, source.transaction():
        source.execute(_LOCK, (number,))
        in_target = target.execute(_LOCK_EXISTS, (number,)).fetchone()
        # Asked last: if this session still sees the lock, it was there when the target was asked.
        in_source = source.execute(_LOCK_EXISTS, (number,)).fetchone()
    if not in_source or not in_source[0]:
        # A pooler changed the session within a transaction, or the server does not lock.
        raise RuntimeError("A lock that was taken is not there.")
    return bool(in_target and in_target[0])
