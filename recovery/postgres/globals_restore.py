"""Restores a database's globals as far as the server allows the connection's role to do so."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from recovery.postgres.globals import (
    Globals,
    Grant,
    Membership,
    ParameterGrant,
    PostgresRole,
    Setting,
    is_vendor_role,
    read_globals,
)
from recovery.postgres.role_passwords import RolePasswords

_MEMBERSHIP_OPTIONS_SINCE: Final = 160000
_ROLE_ATTRIBUTES: Final[tuple[tuple[str, LiteralString], ...]] = (
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
_LOGIN_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles WHERE rolcanlogin"
_ALL_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles"

_LIST_SETTINGS: Final = frozenset(
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

_LIST_ITEM: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(?:,|$)')


@dataclass
class GlobalsResult:
    """What was restored and what was not; one phrase per item."""

    applied: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])
    """What the role may not do or the server does not know, each with the server's reason."""

    vendor_roles: list[str] = field(default_factory=list[str])
    """A vendor's own roles; they are not restored."""

    without_password: list[str] = field(default_factory=list[str])
    """Roles that logged in at the source and can't here."""

    unknown_roles: list[str] = field(default_factory=list[str])
    """Roles with a given password that are not among those that logged in at the source."""


def restore_roles(
    connection: psycopg.Connection, source: Globals, *, placeholder_roles: bool = False
) -> GlobalsResult:
    """
    Create missing roles and memberships, and set the database's owner and privileges: before a load.

    Idempotent.

    Args:
        connection: to the target database.
        source: the globals of the source.
        placeholder_roles: also create the vendor's roles that the server lacks, without any right, so that
            what they own or were granted can be restored on another vendor's server.
    """
    return _GlobalsRestore(connection, source, placeholder_roles=placeholder_roles).restore_roles()


def restore_settings(
    connection: psycopg.Connection, source: Globals, *, passwords: RolePasswords | None = None
) -> GlobalsResult:
    """
    Set what would hinder a load: settings, limits, passwords, the schema `public`. Idempotent.

    Args:
        connection: to the target database.
        source: the globals of the source.
        passwords: of roles. A role without a password can't log in.
    """
    return _GlobalsRestore(connection, source).restore_settings(passwords or RolePasswords())


def without_owners(source: Globals, roles: Collection[str]) -> Globals:
    """Return the globals without roles except the given ones, and without what belongs to roles."""
    return source.model_copy(
        update={
            "owner": "",
            "grants": None,
            "roles": tuple(role for role in source.roles if role.name in roles),
            "memberships": (),
            "settings": tuple(setting for setting in source.settings if not setting.role),
            "parameter_grants": (),
            "public_schema": source.public_schema if source.public_schema == "absent" else None,
        }
    )


def _parse_setting_value(name: str, value: str) -> Iterable[sql.Literal]:
    """Split a stored value into the literals of a SET. A list given as one text would count as one name."""
    if name.lower() not in _LIST_SETTINGS:
        return [sql.Literal(value)]
    items = [quoted.replace('""', '"') or plain for quoted, plain in _LIST_ITEM.findall(value)]
    return [sql.Literal(item) for item in items or [""]]


class _GlobalsRestore:
    def __init__(
        self,
        connection: psycopg.Connection,
        source: Globals,
        *,
        placeholder_roles: bool = False,
    ) -> None:
        self._connection = connection
        self._source = source
        self._placeholder_roles = placeholder_roles
        self._result = GlobalsResult()
        self._target = read_globals(connection, every_role=True)
        self._existing_roles = {str(name) for (name,) in connection.execute(_ALL_ROLES)}
        self._database = sql.Identifier(self._target.database)

    def restore_roles(self) -> GlobalsResult:
        for role in self._source.roles:
            self._restore_role(role)
        for membership in self._source.memberships:
            self._restore_membership(membership)
        self._restore_owner()
        self._restore_grants()
        return self._result

    def restore_settings(self, passwords: RolePasswords) -> GlobalsResult:
        self._restore_passwords(passwords)
        for grant in self._source.parameter_grants:
            self._restore_parameter_grant(grant)
        self._restore_public_schema()
        for setting in self._source.settings:
            self._restore_setting(setting)
        self._restore_connection_limit()
        self._restore_comment()
        self._report_fixed_properties()
        return self._result

    def _restore_role(self, role: PostgresRole) -> None:
        name = sql.Identifier(role.name)
        if is_vendor_role(role.name):
            self._result.vendor_roles.append(role.name)
            if self._placeholder_roles and role.name not in self._existing_roles:
                self._create_role(role.name, sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
            return
        if role.name not in self._existing_roles:
            statement = sql.SQL("CREATE ROLE {} NOLOGIN {} CONNECTION LIMIT {}").format(
                name, sql.SQL("INHERIT" if role.inherits else "NOINHERIT"), sql.Literal(role.connection_limit)
            )
            if role.valid_until:
                statement += sql.SQL(" VALID UNTIL {}").format(role.valid_until)
            if self._create_role(role.name, statement):
                for attribute, keyword in _ROLE_ATTRIBUTES:
                    if getattr(role, attribute):
                        change = sql.SQL("ALTER ROLE {} {}").format(name, sql.SQL(keyword))
                        self._apply(f"role {role.name}: {keyword}", change)
                if role.comment:
                    comment = sql.SQL("COMMENT ON ROLE {} IS {}").format(name, role.comment)
                    self._apply(f"comment on role {role.name}", comment)

    def _create_role(self, role: str, statement: sql.Composed) -> bool:
        if not self._apply(f"role {role}", statement):
            return False
        self._existing_roles.add(role)
        # Ownership can be given only to a role that the session's role can act as.
        row = self._connection.execute(
            "SELECT pg_has_role(current_user, %s, 'USAGE') AND pg_has_role(current_user, %s, 'MEMBER')",
            (role, role),
        ).fetchone()
        if row and not row[0]:
            grant = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))
            self._apply(f"membership of this session's role in {role}", grant)
        return True

    def _restore_passwords(self, passwords: RolePasswords) -> None:
        logging_in = {str(name) for (name,) in self._connection.execute(_LOGIN_ROLES)}
        roles = {
            role.name: role
            for role in self._source.roles
            if role.logs_in and role.name in self._existing_roles and not is_vendor_role(role.name)
        }
        missing = [name for name in roles if name not in logging_in]
        chosen = passwords.choose([*missing, *(name for name in passwords.given if name in logging_in)])
        for name, password in chosen.items():
            if name in roles:
                self._set_password(roles[name], password)
        self._result.without_password += [name for name in missing if name not in chosen]
        self._result.unknown_roles += [name for name in passwords.given if name not in roles]

    def _set_password(self, role: PostgresRole, password: str) -> None:
        """Send the password's digest, because statements may be logged; Neon accepts only the password."""
        digest = self._connection.pgconn.encrypt_password(
            password.encode(), role.name.encode(), b"scram-sha-256"
        ).decode()
        until = sql.SQL("VALID UNTIL {}").format(role.valid_until) if role.valid_until else sql.SQL("")
        change = sql.SQL("ALTER ROLE {} {} PASSWORD {} {}")
        login = sql.SQL("LOGIN" if role.logs_in else "NOLOGIN")
        name = sql.Identifier(role.name)
        refusal = self._execute(change.format(name, login, digest, until))
        if refusal is None:
            self._result.applied.append(f"password of role {role.name}")
        elif "plaintext" in refusal:
            self._apply(f"password of role {role.name}", change.format(name, login, password, until))
        else:
            self._result.failed.append(f"password of role {role.name}: {refusal}")

    def _restore_membership(self, membership: Membership) -> None:
        missing = {membership.role, membership.member} - self._existing_roles
        what = f"membership of {membership.member} in {membership.role}"
        if is_vendor_role(membership.member):
            return
        if missing:
            if not is_vendor_role(membership.role):
                self._result.failed.append(f"{what}: the server has no role {', '.join(sorted(missing))}")
            return
        existing = self._connection.execute(
            "SELECT bool_or(m.admin_option) FROM pg_catalog.pg_auth_members m "
            "JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles c ON c.oid = m.member "
            "WHERE r.rolname = %s AND c.rolname = %s",
            (membership.role, membership.member),
        ).fetchone()
        if existing and existing[0] is not None and existing[0] >= membership.admin:
            return
        grant = sql.SQL("GRANT {} TO {}").format(
            sql.Identifier(membership.role), sql.Identifier(membership.member)
        )
        self._apply(what, grant + self._membership_options(membership))

    def _membership_options(self, membership: Membership) -> sql.Composable:
        if self._connection.info.server_version < _MEMBERSHIP_OPTIONS_SINCE or membership.inherits is None:
            return sql.SQL(" WITH ADMIN OPTION" if membership.admin else "")
        return sql.SQL(" WITH ADMIN {}, INHERIT {}, SET {}").format(
            membership.admin, membership.inherits, bool(membership.may_set)
        )

    def _restore_owner(self) -> None:
        owner = self._source.owner
        if owner and owner != self._target.owner and not is_vendor_role(owner):
            change = sql.SQL("ALTER DATABASE {} OWNER TO {}").format(self._database, sql.Identifier(owner))
            self._apply(f"owner of the database: {owner}", change)

    def _restore_grants(self) -> None:
        if self._source.grants is None:
            return
        # The owner's privileges came with the ownership.
        expected = [grant for grant in self._source.grants if grant.grantee != self._source.owner]
        public = [Grant(grantee=None, privilege=name, grantable=False) for name in ("CONNECT", "TEMPORARY")]
        present = public if self._target.grants is None else self._target.grants
        for grant in public:
            if grant in present and grant not in expected:
                self._apply_grant("REVOKE {} ON DATABASE {} FROM {}", grant)
        for grant in expected:
            if grant not in present and not (grant.grantee and is_vendor_role(grant.grantee)):
                option = " WITH GRANT OPTION" if grant.grantable else ""
                self._apply_grant("GRANT {} ON DATABASE {} TO {}" + option, grant)

    def _apply_grant(self, statement: LiteralString, grant: Grant) -> None:
        grantee = sql.Identifier(grant.grantee) if grant.grantee else sql.SQL("PUBLIC")
        what = f"{statement.split(' ', 1)[0]} {grant.privilege} on the database: {grant.grantee or 'PUBLIC'}"
        privilege = sql.SQL(_PRIVILEGES[grant.privilege])
        self._apply(what, sql.SQL(statement).format(privilege, self._database, grantee))

    def _restore_parameter_grant(self, grant: ParameterGrant) -> None:
        if grant in self._target.parameter_grants or (grant.grantee and is_vendor_role(grant.grantee)):
            return
        grantee = sql.Identifier(grant.grantee) if grant.grantee else sql.SQL("PUBLIC")
        statement = sql.SQL(
            "GRANT {} ON PARAMETER {} TO {}" + (" WITH GRANT OPTION" if grant.grantable else "")
        )
        privilege = sql.SQL("SET" if grant.privilege == "SET" else "ALTER SYSTEM")
        parameter = sql.SQL(".").join(map(sql.Identifier, grant.parameter.split(".")))
        self._apply(
            f"{grant.privilege} of parameter {grant.parameter}: {grant.grantee or 'PUBLIC'}",
            statement.format(privilege, parameter, grantee),
        )

    def _restore_public_schema(self) -> None:
        """Give the schema its owner, or drop it. Its privileges and its comment are in the dump."""
        source, target = self._source.public_schema, self._target.public_schema
        if source is None or target is None or target == "absent":
            return
        if source == "absent":
            self._apply(
                "absence of the schema public", sql.SQL("DROP SCHEMA {}").format(sql.Identifier("public"))
            )
        elif source.owner != target.owner:
            change = sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(source.owner))
            self._apply(f"owner of the schema public: {source.owner}", change)

    def _restore_setting(self, setting: Setting) -> None:
        if (setting.role and is_vendor_role(setting.role)) or setting in self._target.settings:
            return
        name, _, value = setting.text.partition("=")
        subject, whose = sql.SQL("ROLE ALL"), "all roles"
        if setting.database:
            subject, whose = sql.SQL("DATABASE {}").format(self._database), "the database"
        if setting.role:
            whose = setting.role
            within = sql.SQL(" IN DATABASE {}").format(self._database) if setting.database else sql.SQL("")
            subject = sql.SQL("ROLE {}{}").format(sql.Identifier(setting.role), within)
        values = sql.SQL(", ").join(_parse_setting_value(name, value))
        # The dot in a custom setting's name separates two identifiers.
        identifiers = sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))
        self._apply(
            f"setting {name} of {whose}",
            sql.SQL("ALTER {} SET {} TO {}").format(subject, identifiers, values),
        )

    def _restore_connection_limit(self) -> None:
        if self._source.connection_limit != self._target.connection_limit:
            change = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
            self._apply("connection limit", change.format(self._database, self._source.connection_limit))

    def _restore_comment(self) -> None:
        if self._source.comment and self._source.comment != self._target.comment:
            change = sql.SQL("COMMENT ON DATABASE {} IS {}").format(self._database, self._source.comment)
            self._apply("comment on the database", change)

    def _report_fixed_properties(self) -> None:
        """Report as failed what differs and can be set only when a database is created."""
        for name in ("encoding", "collation", "character_type", "locale_provider", "locale"):
            source, target = getattr(self._source, name), getattr(self._target, name)
            if source != target:
                self._result.failed.append(f"{name}: was {source}; the target was created with {target}")

    def _apply(self, what: str, statement: sql.Composed) -> bool:
        refusal = self._execute(statement)
        if refusal is None:
            self._result.applied.append(what)
        else:
            self._result.failed.append(f"{what}: {refusal}")
        return refusal is None

    def _execute(self, statement: sql.Composed) -> str | None:
        """
        Execute a statement; return the server's reason if it refuses.

        The reason, the server's primary message, quotes no literal of the statement.
        """
        try:
            with self._connection.transaction():
                self._connection.execute(statement)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except psycopg.Error as error:
            return error.diag.message_primary or "refused"
        return None
