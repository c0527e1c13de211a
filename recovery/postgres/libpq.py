"""A connection's parameters for the programs of PostgreSQL: never as arguments, which anyone may read."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import pq

from toolchain.failure import Failure

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
