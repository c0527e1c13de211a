"""Neon's API as a response uses it: a store's project with its proof, and changes that are waited for."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from components.secrets import TOKEN_VARIABLES
from components.settings import NeonSettings
from core.failure import Failure
from live.neon import (
    NeonBranch,
    NeonOperation,
    NeonProject,
    find_operation,
    list_branches,
    list_endpoints,
    list_operations,
)
from live.vendor_api import WritingApi
from live.vendor_apis import open_writing_api
from recovery.context import require_output
from respond.step import RespondContext, TargetProof

_WAIT_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.5
_AT_WORK: Final = frozenset(("scheduling", "running", "cancelling"))
_DONE: Final = frozenset(("finished", "skipped"))
RIGHTS: Final = (
    "a key of Neon's API for this project ({variable}; console.neon.tech, Organization settings, API keys, "
    "Project-scoped)"
).format(variable=TOKEN_VARIABLES["neon"])


class _Changed(BaseModel, defer_build=True):
    """What Neon answers to a change: the work that it began."""

    operations: list[NeonOperation] = []


@dataclass(frozen=True)
class NeonStore:
    """A database at Neon: its project, the branch that is in use, and the others."""

    project: NeonProject
    branch: NeonBranch
    host: str
    """Direct host of the branch's compute."""

    others: tuple[NeonBranch, ...]
    is_at_work: bool
    """Whether Neon is still changing something of the project."""

    def find_branch(self, name: str) -> NeonBranch | None:
        """Return the branch of this name beside the one that is in use."""
        return next((branch for branch in self.others if branch.name == name), None)


@contextmanager
def open_neon(context: RespondContext) -> Generator[WritingApi]:
    """Open Neon's API with the key of the environment."""
    key = context.tokens.get(TOKEN_VARIABLES["neon"], "")
    with open_writing_api(context.target, "neon", key) as api:
        yield api


def project_id(context: RespondContext, store: str) -> str:
    """Return the id of a store's project, as the stack's state has it."""
    return str(require_output(require_output(context.outputs, "database_projects"), store))


def read_store(api: WritingApi, project: NeonProject) -> NeonStore:
    """Look at a project. Raises Failure: it has no branch in use, or no compute there."""
    branches = list_branches(api, project.id)
    default = next((branch for branch in branches if branch.default), None)
    hosts = [
        endpoint.host
        for endpoint in list_endpoints(api, project.id)
        if default and endpoint.branch_id == default.id and endpoint.type == "read_write"
    ]
    if default is None or not hosts:
        raise Failure(
            f"The project {project.id} has no {'compute on its default branch' if default else 'branch'}.",
            "look at it in Neon's console.",
        )
    return NeonStore(
        project=project,
        branch=default,
        host=hosts[0],
        others=tuple(branch for branch in branches if branch.id != default.id),
        is_at_work=any(operation.status in _AT_WORK for operation in list_operations(api, project.id)),
    )


def prove_project(
    context: RespondContext, store: str, settings: NeonSettings, project: NeonProject
) -> list[TargetProof]:
    """Return the proof that a project is the declared one, as far as its deletion leaves it."""
    return [
        TargetProof("project", project_id(context, store), project.id),
        TargetProof("its name", settings.project, project.name),
        TargetProof("organization", settings.organization, project.org_id or "none"),
        TargetProof("region", settings.region, project.region_id),
    ]


def prove_address(context: RespondContext, store: str, found: NeonStore) -> TargetProof:
    """Return the proof that the stack's connection strings lead to the branch in use."""
    declared = str(require_output(require_output(context.outputs, "database_hosts"), store))
    return TargetProof("address", declared, found.host)


def change(api: WritingApi, project: str, path: str, body: Any = None) -> None:
    """
    Send a change below a project, and wait until Neon has made it.

    Raises:
        Failure: Neon refuses, or the work that it began failed or takes longer than ten minutes.
    """
    answer = api.change(_Changed, "POST", f"/projects/{project}{path}", body)
    wait_for(api, project, answer.operations)


def wait_for(api: WritingApi, project: str, operations: list[NeonOperation]) -> None:
    """Wait until operations have ended. Raises Failure: one failed, or takes longer than ten minutes."""
    deadline = time.monotonic() + _WAIT_SECONDS
    for begun in operations:
        operation: NeonOperation | None = begun
        while operation and operation.status in _AT_WORK:
            if time.monotonic() > deadline:
                raise Failure(
                    f"Neon is still at work: {operation.action} is {operation.status} after ten minutes.",
                    "see neonstatus.com; then this again.",
                )
            time.sleep(_POLL_SECONDS)
            operation = find_operation(api, project, begun.id)
        if operation and operation.status not in _DONE:
            raise Failure(
                f"Neon did not do it: {operation.action} ended as {operation.status}.",
                "look at the project's operations in Neon's console; then this again.",
            )


def wait_until_idle(api: WritingApi, project: str) -> None:
    """Wait until nothing is at work in a project. Raises Failure as `wait_for` does."""
    at_work = [one for one in list_operations(api, project) if one.status in _AT_WORK]
    wait_for(api, project, at_work)
