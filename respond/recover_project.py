"""Recover a database at Neon whose project was deleted: Neon keeps it for seven days."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from core.failure import Failure
from live.neon import NeonProject, find_project, list_projects
from respond.neon import open_neon, project_id, prove_project, read_store
from respond.restore_branch import wait_for_answer
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    require_proven,
)
from respond.stores import find_neon_database, owner_url


class _Recovered(BaseModel, defer_build=True):
    project: NeonProject


def _plan(context: RespondContext, store: str, _options: StepOptions) -> ResponsePlan:
    settings, project = find_neon_database(context, store), project_id(context, store)
    with open_neon(context) as api:
        there = find_project(api, project)
        deleted = list_projects(api, settings.organization, deleted=True) if there is None else ()
        known = there or next((found for found in deleted if found.id == project), None)
        if known is None:
            raise Failure(
                f"Neon has no project {project}, and no deleted one that it could recover.",
                "restore a backup into a new one: docs/runbooks/loss.md. If it was deleted less than seven "
                "days ago, see whether the key may see the organization, and ask Neon's support.",
            )
        branches = [read_store(api, there).branch.name] if there else []
    return ResponsePlan(
        proofs=require_proven("recover-project", prove_project(context, store, settings, known)),
        found={"project": f"there, with the branch {branches[0]} in use" if branches else "deleted"},
        actions=(
            ResponseAction(
                "recover",
                f"Recover the project {project} with its branches, computes and addresses: POST "
                f"/projects/{project}/recover.",
                run=lambda: _recover(context, store, project),
                is_done=there is not None,
            ),
        ),
        left=(
            "Whoever deleted it has a key that may: ./bulwark drill credentials shows what else it reaches, "
            "docs/runbooks/credential.md how it is taken away.",
        ),
        next_step=f"look at the data; then ./bulwark backup {store}{{options}}.",
    )


def _recover(context: RespondContext, store: str, project: str) -> Mapping[str, str]:
    with open_neon(context) as api:
        recovered = api.change(_Recovered, "POST", f"/projects/{project}/recover")
    return {"recovered": recovered.project.name, **wait_for_answer(owner_url(context, store))}


RECOVER_PROJECT: Final = ResponseStep(
    "recover-project",
    "Give back a project at Neon that was deleted in the last seven days, with its branches.",
    "a database at Neon",
    "a key of Neon's API for the organization (NEON_API_KEY); one for a single project ends with it",
    _plan,
)
