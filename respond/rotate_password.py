"""
Change the password of a role of a database at Neon, and end the role's sessions.

The stack passes it on: its state has the former password until it is refreshed, and by that difference a
repeated call knows that the password is changed already.
"""

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel

from components.settings import NeonSettings
from core.failure import Failure
from live.neon import find_project, list_roles
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


class _Password(BaseModel):
    password: str


def _plan(context: RespondContext, store: str, options: StepOptions) -> ResponsePlan:
    purpose = _require_purpose(options)
    settings = _require_neon(context, store)
    role, project = name_role(settings, purpose), project_id(context, store)
    with open_neon(context) as api:
        known = find_project(api, project)
        if known is None:
            raise Failure(f"Neon has no project {project}.", f"./bulwark respond recover-project {store}.")
        found = read_store(api, known)
        roles = list_roles(api, project, found.branch.id)
        path = f"/projects/{project}/branches/{found.branch.id}/roles"
        now = _reveal(api, f"{path}/{role}")
        owner = _reveal(api, f"{path}/{settings.owner_role}")
    proofs = require_proven(
        "rotate-password",
        [
            *prove_project(context, store, settings, known),
            prove_address(context, store, found),
            TargetProof("role", role, role if role in roles else ""),
        ],
    )
    url = _with_password(owner_url(context, store), owner)
    rotated, sessions = now != _known_password(context, store, purpose), _count_sessions(url, role)
    return ResponsePlan(
        proofs=proofs,
        found={
            "password": "another one than the stack knows" if rotated else "the one that the stack knows",
            "sessions": str(sessions),
        },
        actions=(
            ResponseAction(
                "reset-password",
                f"Give {role} a new password, which Neon chooses: POST {path}/{role}/reset_password.",
                run=lambda: _reset(context, project, path.removeprefix(f"/projects/{project}"), role),
                is_done=rotated,
            ),
            ResponseAction(
                "end-sessions",
                f"End the sessions that are open with the former one: {sessions} of {role}.",
                run=lambda: _end_sessions(context, store, settings, path, role),
                is_done=rotated and not sessions,
            ),
        ),
        left=(
            f"Whoever signs in as {role} is refused until the new password is passed on.",
            "A database that is restored in place, or branched, has the passwords of then.",
        ),
        next_step=(
            "./bulwark refresh --accept{options}, then ./bulwark up{options}: they pass it on to the "
            "outputs, the jobs' documents and the hosts."
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


def _reveal(api: Api, role_path: str) -> str:
    found = api.get(_Password, f"{role_path}/reveal_password")
    return found.password if found else ""


def _known_password(context: RespondContext, store: str, purpose: RolePurpose) -> str:
    urls = require_output(require_output(context.outputs, "database_urls"), store)
    return unquote(urlsplit(urls[purpose]).password or "")


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}").geturl()


def _count_sessions(url: str, role: str) -> int:
    with connect(url) as connection, explain_errors(connection, "count the sessions"):
        return len(connection.execute(_SESSIONS, (role,)).fetchall())


def _reset(context: RespondContext, project: str, path: str, role: str) -> Mapping[str, str]:
    with open_neon(context) as api:
        change(api, project, f"{path}/{role}/reset_password")
    return {"role": role}


def _end_sessions(
    context: RespondContext, store: str, settings: NeonSettings, path: str, role: str
) -> Mapping[str, str]:
    with open_neon(context) as api:
        owner = _reveal(api, f"{path}/{settings.owner_role}")
    url = _with_password(owner_url(context, store), owner)
    with connect(url) as connection, explain_errors(connection, "end the sessions"):
        pids = [pid for (pid,) in connection.execute(_SESSIONS, (role,)).fetchall()]
        for pid in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    return {"ended": str(len(pids))}


ROTATE_PASSWORD: Final = ResponseStep(
    "rotate-password",
    "Give a role (--role owner, application or backup) of a database at Neon a new password.",
    "a database at Neon",
    f"{RIGHTS}; it may see the passwords",
    _plan,
)
