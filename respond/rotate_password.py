"""
Change the password of a role of a database at Neon, and end the role's sessions.

The stack passes it on: its state has the former password until it is refreshed, and by that difference a
repeated call knows that the password is changed already. Neon's API chooses that of a role that it made. The
application's role was made by SQL: its owner gives it one that nobody knows, and `up` replaces that.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql
from pydantic import BaseModel

from components.application_role import address_for, choose_password, is_refused
from components.settings import NeonSettings
from core.failure import Failure
from live.neon import find_project
from live.vendor_api import Api
from recovery.context import require_output
from recovery.postgres.connection import connect, explain_errors
from respond.neon import RIGHTS, change, open_neon, project_id, prove_address, prove_project, read_store
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    TargetProof,
    require_proven,
)
from respond.stores import find_database, find_neon_database, owner_url

RolePurpose = Literal["owner", "application", "backup"]

_SESSIONS: Final = """
    SELECT pid FROM pg_catalog.pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()
"""
_ROLE: Final = "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = %s"


class _Password(BaseModel, defer_build=True):
    password: str


@dataclass(frozen=True)
class _StoreRoles:
    """The roles of a database at Neon: what its API knows of them, and its owner's sessions."""

    context: RespondContext
    store: str
    settings: NeonSettings
    project: str
    path: str
    """Of the branch's roles, below the project."""

    def reveal(self, api: Api, role: str) -> str:
        """Return the password of a role that Neon made."""
        found = api.get(_Password, f"/projects/{self.project}{self.path}/{role}/reveal_password")
        return found.password if found else ""

    def address(self) -> str:
        """Return the direct address for the owner, whose password may be another than the stack's."""
        with open_neon(self.context) as api:
            password = self.reveal(api, self.settings.owner_role)
        return address_for(owner_url(self.context, self.store), self.settings.owner_role, password)

    @contextmanager
    def connect(self, action: str) -> Generator[psycopg.Connection]:
        with connect(self.address()) as connection, explain_errors(connection, action):
            yield connection

    def reset(self, role: str) -> Mapping[str, str]:
        with open_neon(self.context) as api:
            change(api, self.project, f"{self.path}/{role}/reset_password")
        return {"role": role}

    def lock_out(self, role: str) -> Mapping[str, str]:
        with self.connect("change the password") as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(choose_password())
                )
            )
        return {"role": role}

    def end_sessions(self, role: str) -> Mapping[str, str]:
        with self.connect("end the sessions") as connection:
            pids = [pid for (pid,) in connection.execute(_SESSIONS, (role,)).fetchall()]
            for pid in pids:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        return {"ended": str(len(pids))}


def _plan(context: RespondContext, store: str, options: StepOptions) -> ResponsePlan:
    purpose = _require_purpose(options)
    settings = _require_neon(context, store)
    role, project, known = name_role(settings, purpose), project_id(context, store), ""
    with open_neon(context) as api:
        there = find_project(api, project)
        if there is None:
            raise Failure(f"Neon has no project {project}.", f"./bulwark respond recover-project {store}.")
        found = read_store(api, there)
        place = require_proven(
            "rotate-password",
            [*prove_project(context, store, settings, there), prove_address(context, store, found)],
        )
        roles = _StoreRoles(context, store, settings, project, f"/branches/{found.branch.id}/roles")
        known = "" if purpose == "application" else roles.reveal(api, role)
    with roles.connect("look at the role") as connection:
        names = connection.execute(_ROLE, (role,)).fetchall()
        sessions = len(connection.execute(_SESSIONS, (role,)).fetchall())
    proofs = require_proven("rotate-password", [*place, TargetProof("role", role, role if names else "")])
    before, run = _known_password(context, store, purpose), lambda: roles.reset(role)
    rotated, how = known != before, f"which Neon chooses: POST {roles.path}/{role}/reset_password"
    if purpose == "application":
        rotated = is_refused(address_for(owner_url(context, store), role, before))
        run, how = lambda: roles.lock_out(role), "which nobody knows, as the owner: ALTER ROLE ... PASSWORD"
    return ResponsePlan(
        proofs=proofs,
        found={
            "password": "another one than the stack knows" if rotated else "the one that the stack knows",
            "sessions": str(sessions),
        },
        actions=_list_actions(roles, role, run, how, sessions, rotated=rotated),
        left=(
            f"Whoever signs in as {role} is refused until the new password is passed on.",
            "A database that is restored in place, or branched, has the passwords of then.",
        ),
        next_step=(
            "./bulwark refresh --accept{options}, then ./bulwark up{options}: they pass it on to the "
            "outputs, the jobs' documents and the hosts."
        ),
    )


def _list_actions(
    roles: _StoreRoles,
    role: str,
    run: Callable[[], Mapping[str, str]],
    how: str,
    sessions: int,
    *,
    rotated: bool,
) -> tuple[ResponseAction, ...]:
    return (
        ResponseAction("reset-password", f"Give {role} a new password, {how}.", run=run, is_done=rotated),
        ResponseAction(
            "end-sessions",
            f"End the sessions that are open with the former one: {sessions} of {role}.",
            run=lambda: roles.end_sessions(role),
            is_done=rotated and not sessions,
        ),
    )


def name_role(settings: NeonSettings, purpose: RolePurpose) -> str:
    """Return the name of a database's role."""
    match purpose:
        case "owner":
            return settings.owner_role
        case "application":
            return settings.application_role
        case "backup":
            return settings.backup_role


def _require_purpose(options: StepOptions) -> RolePurpose:
    match options.role:
        case "owner" | "application" | "backup":
            return options.role
        case _:
            raise Failure("rotate-password needs the role.", "--role owner, application or backup.")


def _require_neon(context: RespondContext, store: str) -> NeonSettings:
    if not isinstance(find_database(context, store), NeonSettings):
        raise Failure(
            f"The stack did not make the roles of {store}, and can't change their passwords.",
            "as their owner, in psql: \\password ROLE; then "
            f"./bulwark pulumi config set --secret bulwark:{store}_url, and ./bulwark up.",
        )
    return find_neon_database(context, store)


def _known_password(context: RespondContext, store: str, purpose: RolePurpose) -> str:
    urls = require_output(require_output(context.outputs, "database_urls"), store)
    return unquote(urlsplit(urls[purpose]).password or "")


ROTATE_PASSWORD: Final = ResponseStep(
    "rotate-password",
    "Give a role (--role owner, application or backup) of a database at Neon a new password.",
    "a database at Neon",
    f"{RIGHTS}; it may see the passwords",
    _plan,
)
