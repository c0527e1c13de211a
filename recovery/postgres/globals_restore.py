"""What is around a database, captured and put back as far as the server lets this role."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from recovery.postgres.connection import is_vendors
from recovery.postgres.globals import Globals, Grant, Membership, PostgresRole, Setting, capture

__all__ = ["Globals", "Recreated", "capture", "recreate"]

_OPTIONS_SINCE: Final = 160000
_ATTRIBUTES: Final[tuple[tuple[str, LiteralString], ...]] = (
    ("superuser", "SUPERUSER"),
    ("creates_roles", "CREATEROLE"),
    ("creates_databases", "CREATEDB"),
    ("replicates", "REPLICATION"),
    ("bypasses_row_security", "BYPASSRLS"),
)
_PRIVILEGES: Final[dict[str, LiteralString]] = {
    "CREATE": "CREATE",
    "CONNECT": "CONNECT",
    "TEMPORARY": "TEMPORARY",
}
_ALL_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles"


@dataclass
class Recreated:
    """What was done, and what was not."""

    done: list[str] = field(default_factory=list[str])
    impossible: list[str] = field(default_factory=list[str])
    """What this role may not do, or the server does not know, each with the server's reason."""

    vendor_roles: list[str] = field(default_factory=list[str])
    """Not made here: a provider's own."""


def recreate(
    connection: psycopg.Connection,
    cluster: Globals,
    *,
    passwords: Mapping[str, str] | None = None,
    stand_ins: bool = False,
) -> Recreated:
    """
    Make missing roles and memberships, and set the database's owner, grants and settings; again: no change.

    Args:
        connection: to the target database.
        cluster: what was captured from the source.
        passwords: role -> password; without one a role cannot log in.
        stand_ins: make the vendor's roles that the server lacks as well, with no rights, so that what they
            own or were granted can be restored on another provider's server.
    """
    return _Recreation(connection, cluster, passwords or {}, stand_ins).run()


class _Recreation:
    def __init__(
        self, connection: psycopg.Connection, cluster: Globals, passwords: Mapping[str, str], stand_ins: bool
    ) -> None:
        self._connection = connection
        self._cluster = cluster
        self._passwords = passwords
        self._stand_ins = stand_ins
        self._result = Recreated()
        self._target = capture(connection)
        self._existing = {str(name) for (name,) in connection.execute(_ALL_ROLES)}
        self._database = sql.Identifier(self._target.database)

    def run(self) -> Recreated:
        for role in self._cluster.roles:
            self._role(role)
        for membership in self._cluster.memberships:
            self._membership(membership)
        self._owner()
        self._grants()
        for setting in self._cluster.settings:
            self._setting(setting)
        self._fixed()
        return self._result

    def _role(self, role: PostgresRole) -> None:
        name = sql.Identifier(role.name)
        if is_vendors(role.name):
            self._result.vendor_roles.append(role.name)
            if self._stand_ins and role.name not in self._existing:
                self._make(role.name, sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
            return
        if role.name not in self._existing:
            statement = sql.SQL("CREATE ROLE {} NOLOGIN {} CONNECTION LIMIT {}").format(
                name, sql.SQL("INHERIT" if role.inherits else "NOINHERIT"), sql.Literal(role.connection_limit)
            )
            if self._make(role.name, statement):
                for attribute, keyword in _ATTRIBUTES:
                    if getattr(role, attribute):
                        change = sql.SQL("ALTER ROLE {} {}").format(name, sql.SQL(keyword))
                        self._try(f"role {role.name}: {keyword}", change)
        if role.name in self._passwords and role.name in self._existing:
            self._password(role)

    def _make(self, role: str, statement: sql.Composed) -> bool:
        if not self._try(f"role {role}", statement):
            return False
        self._existing.add(role)
        # Ownership can be handed only to a role that one can act as.
        row = self._connection.execute(
            "SELECT pg_has_role(current_user, %s, 'USAGE') AND pg_has_role(current_user, %s, 'MEMBER')",
            (role, role),
        ).fetchone()
        if row and not row[0]:
            take = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))
            self._try(f"membership of this session's role in {role}", take)
        return True

    def _password(self, role: PostgresRole) -> None:
        """Hand over the digest, as statements may be logged; Neon takes nothing but the password itself."""
        password = self._passwords[role.name]
        digest = self._connection.pgconn.encrypt_password(
            password.encode(), role.name.encode(), b"scram-sha-256"
        ).decode()
        until = sql.SQL("VALID UNTIL {}").format(role.valid_until) if role.valid_until else sql.SQL("")
        change = sql.SQL("ALTER ROLE {} {} PASSWORD {} {}")
        login = sql.SQL("LOGIN" if role.logs_in else "NOLOGIN")
        name = sql.Identifier(role.name)
        wants_plain = self._refusal(change.format(name, login, digest, until))
        if wants_plain is None:
            self._result.done.append(f"password of role {role.name}")
        elif "plaintext" in wants_plain:
            self._try(f"password of role {role.name}", change.format(name, login, password, until))
        else:
            self._result.impossible.append(f"password of role {role.name}: {wants_plain}")

    def _membership(self, membership: Membership) -> None:
        unknown = {membership.role, membership.member} - self._existing
        what = f"membership of {membership.member} in {membership.role}"
        if is_vendors(membership.member):
            return
        if unknown:
            if not is_vendors(membership.role):
                self._result.impossible.append(f"{what}: the server has no role {', '.join(sorted(unknown))}")
            return
        held = self._connection.execute(
            "SELECT bool_or(m.admin_option) FROM pg_catalog.pg_auth_members m "
            "JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles c ON c.oid = m.member "
            "WHERE r.rolname = %s AND c.rolname = %s",
            (membership.role, membership.member),
        ).fetchone()
        if held and held[0] is not None and held[0] >= membership.admin:
            return
        grant = sql.SQL("GRANT {} TO {}").format(
            sql.Identifier(membership.role), sql.Identifier(membership.member)
        )
        self._try(what, grant + sql.SQL(self._options(membership)))

    def _options(self, membership: Membership) -> LiteralString:
        if self._connection.info.server_version < _OPTIONS_SINCE or membership.inherits is None:
            return " WITH ADMIN OPTION" if membership.admin else ""
        admin = "TRUE" if membership.admin else "FALSE"
        inherits = "TRUE" if membership.inherits else "FALSE"
        may_set = "TRUE" if membership.may_set else "FALSE"
        return f" WITH ADMIN {admin}, INHERIT {inherits}, SET {may_set}"

    def _owner(self) -> None:
        owner = self._cluster.owner
        if owner != self._target.owner and not is_vendors(owner):
            change = sql.SQL("ALTER DATABASE {} OWNER TO {}").format(self._database, sql.Identifier(owner))
            self._try(f"owner of the database: {owner}", change)

    def _grants(self) -> None:
        if self._cluster.grants is None:
            return
        # The owner's own rights went with the ownership.
        wanted = [grant for grant in self._cluster.grants if grant.grantee != self._cluster.owner]
        public = [Grant(grantee=None, privilege=name, grantable=False) for name in ("CONNECT", "TEMPORARY")]
        present = public if self._target.grants is None else self._target.grants
        for grant in public:
            if grant in present and grant not in wanted:
                self._change("REVOKE {} ON DATABASE {} FROM {}", grant)
        for grant in wanted:
            if grant not in present and not (grant.grantee and is_vendors(grant.grantee)):
                option = " WITH GRANT OPTION" if grant.grantable else ""
                self._change("GRANT {} ON DATABASE {} TO {}" + option, grant)

    def _change(self, statement: LiteralString, grant: Grant) -> None:
        grantee = sql.Identifier(grant.grantee) if grant.grantee else sql.SQL("PUBLIC")
        what = f"{statement.split(' ', 1)[0]} {grant.privilege} on the database: {grant.grantee or 'PUBLIC'}"
        privilege = sql.SQL(_PRIVILEGES[grant.privilege])
        self._try(what, sql.SQL(statement).format(privilege, self._database, grantee))

    def _setting(self, setting: Setting) -> None:
        if (setting.role and is_vendors(setting.role)) or setting in self._target.settings:
            return
        name, _, value = setting.text.partition("=")
        subject = sql.SQL("DATABASE {}").format(self._database)
        if setting.role:
            within = sql.SQL(" IN DATABASE {}").format(self._database) if setting.database else sql.SQL("")
            subject = sql.SQL("ROLE {}{}").format(sql.Identifier(setting.role), within)
        values = sql.SQL(", ").join(setting_values(name, value))
        # A custom setting has a dot in its name, which is not one within an identifier.
        dotted = sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
        self._try(
            f"setting {name} of {setting.role or 'the database'}",
            sql.SQL("ALTER {} SET {} TO {}").format(subject, dotted, values),
        )

    def _fixed(self) -> None:
        """Set what is left, and tell of what a database keeps from its creation."""
        if self._cluster.connection_limit != self._target.connection_limit:
            limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
            self._try("connection limit", limit.format(self._database, self._cluster.connection_limit))
        if self._cluster.comment and self._cluster.comment != self._target.comment:
            comment = sql.SQL("COMMENT ON DATABASE {} IS {}").format(self._database, self._cluster.comment)
            self._try("comment on the database", comment)
        for name in ("encoding", "collation", "character_type", "locale_provider", "locale"):
            was, found = getattr(self._cluster, name), getattr(self._target, name)
            if was != found:
                self._result.impossible.append(f"{name}: was {was}; the target was created with {found}")

    def _try(self, what: str, statement: sql.Composed) -> bool:
        refusal = self._refusal(statement)
        if refusal is None:
            self._result.done.append(what)
        else:
            self._result.impossible.append(f"{what}: {refusal}")
        return refusal is None

    def _refusal(self, statement: sql.Composed) -> str | None:
        """Run it; return why the server refuses, if it does. Its message cites no literal of ours."""
        try:
            with self._connection.transaction():
                self._connection.execute(statement)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            return error.diag.message_primary or "refused"
        return None


_LISTS: Final = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
"""Settings whose stored value is a list of quoted names. Source: variable_is_guc_list_quote."""

_ITEM: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(?:,|$)')


def setting_values(name: str, value: str) -> Iterable[sql.Literal]:
    """Take a value as it is stored apart: a list given as one text would be taken for one long name."""
    if name.lower() not in _LISTS:
        return [sql.Literal(value)]
    items = [quoted.replace('""', '"') or plain for quoted, plain in _ITEM.findall(value)]
    return [sql.Literal(item) for item in items or [""]]
