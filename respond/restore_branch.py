"""
Restore a database at Neon in place: its branch goes back to an instant, and what it held is kept.

The branch keeps its address. Neon restores everything on it, also whether writes were stopped, so that they
are stopped again at once: nobody writes before somebody has looked at the data.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.failure import Failure
from live.neon import NeonBranch, NeonProject, find_project, list_databases
from recovery.postgres.connection import connect, parse_url
from respond.database_writes import read_stop, stop_writes
from respond.neon import (
    RIGHTS,
    NeonStore,
    change,
    open_neon,
    project_id,
    prove_address,
    prove_project,
    read_store,
    wait_until_idle,
)
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    format_instant,
    require_proven,
)
from respond.stores import backup_url, find_neon_database, owner_url

_ANSWER_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.2


def _plan(context: RespondContext, store: str, options: StepOptions) -> ResponsePlan:
    settings = find_neon_database(context, store)
    at = _require_instant(options)
    project = project_id(context, store)
    with open_neon(context) as api:
        known = find_project(api, project)
        if known is None:
            raise Failure(
                f"Neon has no project {project}.",
                f"./bulwark respond recover-project {store} gives back what was deleted within seven days.",
            )
        found = read_store(api, known)
        databases = [database.name for database in list_databases(api, project, found.branch.id)]
    proofs = require_proven(
        "restore-branch",
        [*prove_project(context, store, settings, known), prove_address(context, store, found)],
    )
    name = options.keep_as or f"before-{at:%Y%m%dt%H%M%Sz}"
    kept = found.find_branch(name)
    restored = kept is not None and not found.is_at_work
    if kept is None:
        _require_history(found, at)
    elif not _is_kept(kept, found.branch):
        raise Failure(f"{name} is another branch, and not what a restore kept.", "choose --keep-as NAME.")
    url, backup = owner_url(context, store), parse_url(backup_url(context, store)).get("user", "")
    stop = read_stop(url)
    request = {
        "source_branch_id": found.branch.id,
        "source_timestamp": format_instant(at),
        "preserve_under_name": name,
    }
    path = f"/branches/{found.branch.id}/restore"
    return ResponsePlan(
        proofs=proofs,
        found={
            "branch in use": f"{found.branch.name} ({found.branch.id})",
            "kept as": f"{name} ({kept.id})" if kept else "nothing yet",
            "writes": f"stopped since {stop.since}" if stop else "not stopped",
        },
        actions=(
            ResponseAction(
                "restore",
                f"Restore {', '.join(databases)} on {found.branch.name} to {format_instant(at)}, and keep "
                f"what is there now as the branch {name}: POST /projects/{project}{path}. Connections drop.",
                run=lambda: _restore(context, known, path, request),
                is_done=restored,
            ),
            ResponseAction(
                "stop-writes",
                "Stop writes again, as ./bulwark respond stop-writes does: the restored branch allows them.",
                run=lambda: _stop_again(url, backup),
                is_done=restored and stop is not None,
            ),
        ),
        left=_list_left(found, name, kept, stop_is_missing=stop is None and kept is None, store=store),
        next_step=(
            f"look at the data as the owner; then ./bulwark respond allow-writes {store}{{options}}. "
            f"What was written after {format_instant(at)} is in the branch {name}."
        ),
    )


def _require_instant(options: StepOptions) -> datetime:
    if options.at is None:
        raise Failure("restore-branch needs the instant.", "--at 2030-01-15T04:20:59, in UTC.")
    if options.at.microsecond:
        raise Failure("The instant is a whole second.", f"--at {options.at:%Y-%m-%dT%H:%M:%S}.")
    return options.at


def _is_kept(kept: NeonBranch, restored: NeonBranch) -> bool:
    """Return whether a branch is what a restore has kept: beside a root branch, or above a child."""
    return kept.parent_id is None if restored.parent_id is None else restored.parent_id == kept.id


def _require_history(found: NeonStore, at: datetime) -> None:
    oldest = datetime.now(UTC) - timedelta(seconds=found.project.history_retention_seconds)
    if at < oldest:
        raise Failure(
            f"The history of {found.project.name} begins at {format_instant(oldest)}.",
            "restore a backup: docs/runbooks/loss.md.",
        )


def _list_left(
    found: NeonStore, name: str, kept: NeonBranch | None, *, stop_is_missing: bool, store: str
) -> tuple[str, ...]:
    lines: list[str] = []
    if stop_is_missing:
        lines.append(
            "Writes are not stopped: what is written from now on is lost from the branch in use, and is in "
            f"{name} alone. First: ./bulwark respond stop-writes {store}."
        )
    lines.append(
        f"The branch {name} costs storage and holds personal data: delete it in Neon's console "
        f"(console.neon.tech/app/projects/{found.project.id}/branches"
        f"{f'/{kept.id}' if kept else ''}) when nobody needs it."
    )
    return tuple(lines)


def _restore(
    context: RespondContext, project: NeonProject, path: str, request: Mapping[str, Any]
) -> Mapping[str, str]:
    name = str(request["preserve_under_name"])
    with open_neon(context) as api:
        try:
            # An interrupted call may have sent the request, and Neon be at work on it.
            wait_until_idle(api, project.id)
            if read_store(api, project).find_branch(name) is None:
                change(api, project.id, path, request)
        except Failure:
            if read_store(api, project).find_branch(name) is None:
                raise
            wait_until_idle(api, project.id)
    return {"restored to": str(request["source_timestamp"]), "kept as": name}


def _stop_again(url: str, backup_role: str) -> Mapping[str, str]:
    return {**wait_for_answer(url), **stop_writes(url, backup_role)}


def wait_for_answer(url: str) -> Mapping[str, str]:
    """Wait until a database answers, up to two minutes. Raises Failure."""
    began = time.monotonic()
    while True:
        try:
            with connect(url) as connection:
                connection.execute("SELECT 1")
        except Failure:
            if time.monotonic() - began > _ANSWER_SECONDS:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return {"answered after": f"{time.monotonic() - began:.1f} s"}


RESTORE_BRANCH: Final = ResponseStep(
    "restore-branch",
    "Put a database at Neon back to an instant (--at), and keep what it held as another branch.",
    "a database at Neon",
    f"{RIGHTS}; the database's owner, whose password is in the stack's state",
    _plan,
)
