"""
Stop writes to a database, and let them again.

A role can switch `default_transaction_read_only` off for itself, and there is no other read-only mode for one
role. So nobody connects any more but the owner and the role that backs up: CONNECT is revoked from everybody
else, and the sessions that are open are ended. That needs no right over the roles, only the database's owner.
What was revoked is kept in the comment of the database itself: any machine can give it back, and whoever
looks why they are refused (psql's list of databases) reads it. A parameter of its own would need a superuser.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from core.documents import DocumentError, read_json
from core.failure import Failure
from recovery.postgres.connection import connect, explain_errors, parse_url
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    format_instant,
    require_proven,
)
from respond.stores import backup_url, find_database, owner_url, prove_database

_MARK: Final = "bulwark stopped writes: "
"""Begins the last line of the database's comment while writes are stopped."""

_END_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.1
_QUIET_LOOKS: Final = 2
_LISTED: Final = 10

_OWNER: Final = """
    SELECT d.datname, pg_get_userbyid(d.datdba), pg_has_role(d.datdba, 'USAGE')
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()
"""
_GRANTS: Final = """
    SELECT coalesce(r.rolname, ''), acl.is_grantable
    FROM pg_catalog.pg_database d,
        aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) acl
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = acl.grantee
    WHERE d.datname = current_database() AND acl.privilege_type = 'CONNECT' AND acl.grantee <> d.datdba
    ORDER BY 1
"""
_COMMENT: Final = """
    SELECT coalesce(shobj_description(d.oid, 'pg_database'), '')
    FROM pg_catalog.pg_database d WHERE d.datname = current_database()
"""
_CONNECTING: Final = """
    SELECT r.rolname, r.rolsuper, pg_has_role(r.oid, d.datdba, 'USAGE')
    FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
    WHERE d.datname = current_database() AND r.rolcanlogin
        AND has_database_privilege(r.oid, d.oid, 'CONNECT')
    ORDER BY 1
"""
_SESSIONS: Final = """
    SELECT a.pid, a.usename
    FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.rolname = a.usename
    WHERE a.datname = current_database() AND a.usename IS NOT NULL
        AND coalesce(a.backend_type, 'client backend') = 'client backend'
        AND a.pid <> pg_backend_pid() AND NOT coalesce(r.rolsuper, false) AND a.usename <> %s
    ORDER BY 1
"""
"""Of the sessions of others, a role that is no monitor sees process, database and user, and no type."""

_PREPARED: Final = "SELECT gid, owner FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()"
_SUBSCRIPTIONS: Final = """
    SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
    WHERE d.datname = current_database() AND s.subenabled
"""
_MAY_WRITE: Final = """
    SELECT coalesce(pg_has_role(r.oid, to_regrole('pg_write_all_data')::oid, 'USAGE'), false)
    FROM pg_catalog.pg_roles r WHERE r.rolname = %s
"""
_SCHEDULER: Final = "SELECT extname FROM pg_catalog.pg_extension WHERE extname = 'pg_cron'"


class _Grant(BaseModel):
    """A right to connect; the role "" is PUBLIC."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    role: str
    grantable: bool = False


class WriteStop(BaseModel):
    """What the database says of itself while its writes are stopped."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    since: str
    revoked: tuple[_Grant, ...]
    granted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Access:
    """Who may connect to a database, and who is."""

    database: str
    owner: str
    backup_role: str
    application_role: str | None
    stop: WriteStop | None
    grants: tuple[_Grant, ...]
    others: tuple[str, ...]
    """Roles that may connect, beside superusers, the owner, its members and the role that backs up."""

    owners: tuple[str, ...]
    superusers: tuple[str, ...]
    sessions: tuple[tuple[int, str], ...]
    """(process id, role), without those of superusers and of the role that backs up."""

    prepared: tuple[tuple[str, str], ...]
    """(name, owner) of the prepared transactions."""

    subscriptions: tuple[str, ...]
    has_scheduler: bool
    backup_writes: bool
    """Whether the role that backs up may write to every table, as every role may that Neon's API made."""

    def describe(self) -> dict[str, str]:
        return {
            "writes": f"stopped since {self.stop.since}" if self.stop else "not stopped",
            "may connect": _join((*self.owners, self.backup_role, *self.others)),
            "sessions": _count_by_role(self.sessions),
        }

    def list_what_goes_on(self) -> tuple[str, ...]:
        """Return what can write although nobody else connects."""
        lines = [f"{_join(self.owners)} may connect still, to let writes again: let no program run as it."]
        if self.backup_writes:
            lines.append(
                f"{self.backup_role} may connect still, so that backups and drills go on, and may write: "
                "as an administrator REVOKE pg_write_all_data, or the role of Neon that has it."
            )
        if self.superusers:
            lines.append(f"No right holds superusers back: {_join(self.superusers)}.")
        if self.prepared:
            names = _join(f"{gid} of {owner}" for gid, owner in self.prepared)
            lines.append(
                f"Prepared transactions are neither committed nor lost: {names}. Their owner commits them "
                "once it may connect again; ROLLBACK PREPARED, by a superuser, ends them."
            )
        lines += [
            f"The subscription {name} goes on writing: ALTER SUBSCRIPTION {name} DISABLE, as its owner."
            for name in self.subscriptions
        ]
        if self.has_scheduler:
            lines.append("Jobs of pg_cron may go on: cron.unschedule(jobid), for each in cron.job.")
        return tuple(lines)


def _plan_stop(context: RespondContext, store: str, _options: StepOptions) -> ResponsePlan:
    settings, url = find_database(context, store), owner_url(context, store)
    proofs = require_proven("stop-writes", prove_database(context, store))
    backup = parse_url(backup_url(context, store)).get("user", "")
    access = _read_access(url, backup, settings.application_role)
    through_owner = [role for role in access.owners if role == access.application_role]
    if through_owner:
        raise Failure(
            f"{through_owner[0]}, the application's role, acts as the owner {access.owner}, whom no right "
            "holds back.",
            f"as the owner: REVOKE {access.owner} FROM {through_owner[0]}; or scale the application to zero.",
        )
    keeps = f"{access.owner} and {backup}"
    return ResponsePlan(
        proofs=proofs,
        found=access.describe(),
        actions=(
            ResponseAction(
                "close-database",
                f"Let nobody but {keeps} connect to {access.database}: REVOKE CONNECT ON DATABASE "
                f"{access.database} FROM {_join(_title(grant.role) for grant in access.grants) or 'nobody'}. "
                "Reads stop as well.",
                run=lambda: _close(url, backup),
                is_done=access.stop is not None and not access.others,
            ),
            ResponseAction(
                "end-sessions",
                f"End the open sessions ({_count_by_role(access.sessions)}), and with them what they "
                "have not committed.",
                run=lambda: _end_sessions(url, backup),
                is_done=access.stop is not None and all(role in access.owners for _, role in access.sessions),
            ),
        ),
        left=access.list_what_goes_on(),
        next_step=f"./bulwark respond allow-writes {store}{{options}} lets them again.",
    )


def _plan_allow(context: RespondContext, store: str, _options: StepOptions) -> ResponsePlan:
    settings, url = find_database(context, store), owner_url(context, store)
    proofs = require_proven("allow-writes", prove_database(context, store))
    backup = parse_url(backup_url(context, store)).get("user", "")
    access = _read_access(url, backup, settings.application_role)
    stop = access.stop
    back = _join(_title(grant.role) for grant in stop.revoked) if stop else ""
    return ResponsePlan(
        proofs=proofs,
        found=access.describe(),
        actions=(
            ResponseAction(
                "open-database",
                f"Let everybody connect to {access.database} again who could before: GRANT CONNECT ON "
                f"DATABASE {access.database} TO {back or 'nobody: stop-writes did not stop them'}.",
                run=lambda: _open(url),
                is_done=stop is None,
            ),
        ),
        next_step="see that /health is green from outside: ./bulwark status{options}.",
    )


def _read_access(url: str, backup_role: str, application_role: str | None) -> _Access:
    with connect(url) as connection, explain_errors(connection, "read who may connect"):
        database, owner, is_owner = _fetch_one(connection, _OWNER)
        if not is_owner:
            raise Failure(
                f"{connection.info.user} is not the owner of {database}, which is {owner}'s.",
                f"use the address of {owner}, or of a member of it.",
            )
        roles = connection.execute(_CONNECTING).fetchall()
        owners = {owner, *(name for name, is_super, is_member in roles if is_member and not is_super)}
        return _Access(
            database=database,
            owner=owner,
            backup_role=backup_role,
            application_role=application_role,
            stop=_read_stop(connection),
            grants=tuple(
                _Grant(role=role, grantable=grantable)
                for role, grantable in connection.execute(_GRANTS).fetchall()
                if role != backup_role
            ),
            others=tuple(
                name for name, is_super, _ in roles if not is_super and name not in {*owners, backup_role}
            ),
            owners=tuple(sorted(owners)),
            superusers=tuple(name for name, is_super, _ in roles if is_super),
            sessions=tuple(
                (pid, role) for pid, role in connection.execute(_SESSIONS, (backup_role,)).fetchall()
            ),
            prepared=tuple((gid, who) for gid, who in connection.execute(_PREPARED).fetchall()),
            subscriptions=tuple(name for (name,) in connection.execute(_SUBSCRIPTIONS).fetchall()),
            has_scheduler=connection.execute(_SCHEDULER).fetchone() is not None,
            backup_writes=connection.execute(_MAY_WRITE, (backup_role,)).fetchone() == (True,),
        )


def read_stop(url: str) -> WriteStop | None:
    """Return since when writes are stopped, and what was revoked for it; None if not. Raises Failure."""
    with connect(url) as connection, explain_errors(connection, "read whether writes are stopped"):
        return _read_stop(connection)


def _read_stop(connection: psycopg.Connection) -> WriteStop | None:
    return _split_comment(_fetch_one(connection, _COMMENT)[0], connection.info.dbname)[1]


def _split_comment(comment: str, database: str) -> tuple[str, WriteStop | None]:
    """Return a database's comment without the note of stop-writes, and the note."""
    rest, _, last = comment.rpartition("\n")
    if not last.startswith(_MARK):
        return comment, None
    try:
        return rest, read_json(last.removeprefix(_MARK), WriteStop)
    except DocumentError as error:
        raise Failure(
            f"The comment of the database is none of stop-writes: {error}.",
            f"as the owner: COMMENT ON DATABASE {database} IS NULL, and grant CONNECT by hand.",
        ) from None


def _write_comment(connection: psycopg.Connection, database: str, comment: str) -> None:
    connection.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(database), sql.Literal(comment) if comment else sql.SQL("NULL")
        )
    )


def stop_writes(url: str, backup_role: str) -> Mapping[str, str]:
    """Make both changes of stop-writes, and return what the record keeps of them. Raises Failure."""
    return {**_close(url, backup_role), **_end_sessions(url, backup_role)}


def _close(url: str, backup_role: str) -> Mapping[str, str]:
    """Revoke CONNECT from all but the owner and the role that backs up, and note what was revoked."""
    with connect(url) as connection, explain_errors(connection, "stop writes"), connection.transaction():
        database, owner, _ = _fetch_one(connection, _OWNER)
        comment, before = _split_comment(_fetch_one(connection, _COMMENT)[0], database)
        grants = [
            _Grant(role=role, grantable=grantable)
            for role, grantable in connection.execute(_GRANTS).fetchall()
        ]
        name = sql.Identifier(database)
        revoked = [grant for grant in grants if grant.role != backup_role]
        for grant in revoked:
            connection.execute(
                sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {} CASCADE").format(name, _grantee(grant.role))
            )
        has_own = any(grant.role == backup_role for grant in grants)
        if not has_own and backup_role != owner:
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(backup_role))
            )
        stop = WriteStop(
            since=before.since if before else format_instant(datetime.now(UTC)),
            revoked=(*(before.revoked if before else ()), *revoked),
            granted=before.granted if before else () if has_own else (backup_role,),
        )
        _write_comment(connection, database, f"{comment}\n{_MARK}{stop.model_dump_json()}")
    return {"revoked from": _join(_title(grant.role) for grant in revoked) or "nobody"}


def _end_sessions(url: str, backup_role: str) -> Mapping[str, str]:
    """End the open sessions, and wait until they are gone."""
    ended: dict[int, str] = {}
    deadline, quiet = time.monotonic() + _END_SECONDS, 0
    with connect(url) as connection, explain_errors(connection, "end the sessions"):
        # Twice: a session that was let in just before the change is listed a moment later.
        while quiet < _QUIET_LOOKS:
            sessions = connection.execute(_SESSIONS, (backup_role,)).fetchall()
            quiet = 0 if sessions else quiet + 1
            if sessions and time.monotonic() > deadline:
                raise Failure(
                    f"Sessions do not end: {_count_by_role(sessions)}.",
                    "run this again; a session that the kernel holds ends with its network connection.",
                )
            for pid, role in sessions:
                _end_session(connection, pid, role)
                ended[pid] = role
            time.sleep(_POLL_SECONDS)
    return {"ended": _count_by_role(tuple(ended.items()))}


def _end_session(connection: psycopg.Connection, pid: int, role: str) -> None:
    try:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    except psycopg.errors.InsufficientPrivilege:
        user = connection.info.user
        raise Failure(
            f"{user} may not end the sessions of {role}; nobody connects any more.",
            f"as an administrator of the server: GRANT pg_signal_backend TO {user}; then this again.",
        ) from None


def _open(url: str) -> Mapping[str, str]:
    """Give CONNECT back to whom it was revoked from."""
    with connect(url) as connection, explain_errors(connection, "let writes again"), connection.transaction():
        database, _, _ = _fetch_one(connection, _OWNER)
        comment, stop = _split_comment(_fetch_one(connection, _COMMENT)[0], database)
        if stop is None:
            return {}
        name = sql.Identifier(database)
        known = {role for (role,) in connection.execute("SELECT rolname FROM pg_catalog.pg_roles").fetchall()}
        back = [grant for grant in stop.revoked if not grant.role or grant.role in known]
        for grant in back:
            option = sql.SQL(" WITH GRANT OPTION" if grant.grantable else "")
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, _grantee(grant.role)) + option
            )
        for role in known.intersection(stop.granted):
            connection.execute(
                sql.SQL("REVOKE CONNECT ON DATABASE {} FROM {}").format(name, sql.Identifier(role))
            )
        _write_comment(connection, database, comment)
    return {"granted to": _join(_title(grant.role) for grant in back)}


def _grantee(role: str) -> sql.Composable:
    return sql.Identifier(role) if role else sql.SQL("PUBLIC")


def _title(role: str) -> str:
    return role or "PUBLIC"


def _count_by_role(sessions: Any) -> str:
    roles = [role for _, role in sessions]
    counts = {role: roles.count(role) for role in sorted(set(roles))}
    return _join(f"{count} of {role}" for role, count in counts.items()) or "none"


def _join(names: Iterable[str]) -> str:
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more


def _fetch_one(connection: psycopg.Connection, query: Any) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise Failure("The database does not know itself.", "look whether a pooler is in between.")
    return row


STOP_WRITES: Final = ResponseStep(
    "stop-writes",
    "Let nobody but the owner and the backup connect to a database, and end the open sessions.",
    "a database",
    "the database's owner, whose password is in the stack's state (else BULWARK_<STORE>_OWNER_URL)",
    _plan_stop,
)
ALLOW_WRITES: Final = ResponseStep(
    "allow-writes",
    "Let everybody connect to a database again who could before stop-writes.",
    "a database",
    "the database's owner, whose password is in the stack's state (else BULWARK_<STORE>_OWNER_URL)",
    _plan_allow,
)
