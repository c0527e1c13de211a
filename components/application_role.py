"""The role that the running platform signs in as. SQL makes it: Neon's API gives its roles far more."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pkgutil import resolve_name
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final, LiteralString
from urllib.parse import quote, urlsplit

import pulumi
from pulumi import dynamic

from core.database_url import REACH_VARIABLE

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS: Final = 60
"""A compute at Neon that was suspended starts within some seconds."""

_FIND: Final[LiteralString] = """
    SELECT bool_or(m.rolsuper OR m.rolcreaterole OR m.rolcreatedb OR m.rolreplication OR m.rolbypassrls)
    FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_roles m ON pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')
    WHERE r.rolname = %s
"""
"""Also what it may become by a membership; NULL where there is no such role."""

_CREATE: Final[LiteralString] = (
    "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
    "PASSWORD {password}"
)
_CHANGE: Final[LiteralString] = "ALTER ROLE {role} LOGIN PASSWORD {password}"


class ApplicationRole(dynamic.Resource, module="bulwark", name="ApplicationRole"):
    """
    A role that may sign in and nothing else: migrations grant it what it needs, as the owner.

    One of this name that may do more is refused, because nobody at Neon can take away what its API gives.
    Another one is taken over with a new password. A refresh notices that the password is another by now, and
    the next `up` sets a new one (decision 52).
    """

    name: pulumi.Output[str]
    password: pulumi.Output[str]
    """Secret, and encrypted in the state."""

    def __init__(
        self, name: str, *, role: str, owner_uri: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        """`owner_uri` is the direct address of a database for a role that may make roles."""
        secret = pulumi.ResourceOptions(additional_secret_outputs=["owner_uri", "password"])
        super().__init__(
            ApplicationRoleProvider(),
            name,
            {"name": role, "owner_uri": pulumi.Output.secret(owner_uri), "password": None},
            pulumi.ResourceOptions.merge(opts, secret),
        )


class ApplicationRoleProvider(dynamic.ResourceProvider):
    """Runs in a process that the engine starts, with the secrets in clear."""

    serialize_as_secret_always = False
    """It has no secret: its state is the name of this class."""

    def diff(self, _id: str, _olds: Mapping[str, Any], _news: Mapping[str, Any]) -> dynamic.DiffResult:
        renamed = _olds["name"] != _news["name"]
        changed = renamed or _olds["owner_uri"] != _news["owner_uri"] or not _olds["password"]
        return dynamic.DiffResult(changes=changed, replaces=["name"] if renamed else [])

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        password = choose_password()
        _ensure_role(props["owner_uri"], props["name"], password, sets_password=True)
        server = urlsplit(props["owner_uri"]).netloc.rpartition("@")[2]
        return dynamic.CreateResult(f"{server}/{props['name']}", {**props, "password": password})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        password = _olds["password"] or choose_password()
        _ensure_role(_news["owner_uri"], _news["name"], password, sets_password=not _olds["password"])
        return dynamic.UpdateResult({**_news, "password": password})

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        password = props["password"]
        refused = not password or is_refused(address_for(props["owner_uri"], props["name"], password))
        return dynamic.ReadResult(id_, {**props, "password": "" if refused else password})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Let nobody sign in as it any more. What it was granted stays, and with it the role."""
        import psycopg  # noqa: PLC0415 - a program that only declares it does not wait for this

        # A server that can't be reached is being deleted with its roles.
        with suppress(psycopg.OperationalError), _connect(_props["owner_uri"]) as connection:
            _execute(connection, "ALTER ROLE {role} NOLOGIN", _props["name"], "")


def choose_password() -> str:
    """Return a password that Neon takes: it wants one of each kind of character."""
    return f"Bw1_{token_urlsafe(32)}"


def address_for(url: str, role: str, password: str) -> str:
    """Return the address of the same database for another role."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{server}").geturl()


def is_refused(url: str) -> bool:
    """Return whether the server refuses this role and password. One that can't be asked has not refused."""
    import psycopg  # noqa: PLC0415 - as above

    try:
        with _connect(url):
            return False
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)


def _ensure_role(owner_uri: str, role: str, password: str, *, sets_password: bool) -> None:
    with _connect(owner_uri) as connection:
        row = connection.execute(_FIND, (role,)).fetchone()
        is_strong = row[0] if row else None
        if is_strong:
            raise ValueError(
                f"the role {role} exists and may do more than change rows, as every role of Neon's API may: "
                "choose another `application_role`, and delete this one when nobody uses it any more."
            )
        if is_strong is None:
            _execute(connection, _CREATE, role, password)
        elif sets_password:
            _execute(connection, _CHANGE, role, password)


def _execute(connection: "psycopg.Connection", statement: LiteralString, role: str, password: str) -> None:
    """Run a statement; its error is the server's message without the statement, which has the password."""
    import psycopg  # noqa: PLC0415 - as above
    from psycopg import sql  # noqa: PLC0415 - with it

    # In clear, over TLS: Neon takes no password that was hashed before (neon.com/docs/manage/roles).
    values = {"role": sql.Identifier(role), "password": sql.Literal(password)}
    try:
        connection.execute(sql.SQL(statement).format(**values))
    except psycopg.Error as error:
        raise RuntimeError(f"the server refused the role {role}: {error.diag.message_primary}") from None


@contextmanager
def _connect(url: str) -> "Generator[psycopg.Connection]":
    import psycopg  # noqa: PLC0415 - as above

    reach = os.environ.get(REACH_VARIABLE)
    address = resolve_name(reach)(url) if reach else url
    with psycopg.connect(address, connect_timeout=_CONNECT_SECONDS) as connection:
        yield connection
