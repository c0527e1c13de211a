"""
Replace the client key of a service at Sentry, whose DSN leaked.

The key is a resource of the stack. It is marked, and the next `up` makes another one, hands its DSN on, and
deletes the former one afterwards, so that no error is lost in between.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from components.secrets import TOKEN_VARIABLES
from components.settings.services import project_slug
from core.failure import Failure
from live.vendor_apis import open_writing_api
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    TargetProof,
    choose_target,
    require_proven,
)

_TYPE: Final = "sentry:index/key:Key"


class _ClientKey(BaseModel, defer_build=True):
    id: str
    name: str = ""


def _plan(context: RespondContext, service: str, _options: StepOptions) -> ResponsePlan:
    settings = context.target.settings
    if settings.errors is None:
        raise Failure("The stack has no error tracking.", "there is no DSN that could have leaked.")
    watched = {name: known for name, known in settings.services.items() if known.errors}
    declared = watched[choose_target("service with error tracking", service, watched)]
    organization, slug = settings.errors.organization, project_slug(service, declared)
    key = _find_key(context, service)
    with open_writing_api(context.target, "sentry", context.tokens.get(TOKEN_VARIABLES["errors"], "")) as api:
        found = api.get(_ClientKey, f"/projects/{organization}/{slug}/keys/{key['id']}/")
    proofs = require_proven(
        "rotate-dsn",
        [
            TargetProof(f"client key of {organization}/{slug}", key["id"], found.id if found else ""),
            TargetProof("its name", str(key["inputs"].get("name", "")), found.name if found else ""),
        ],
    )
    is_marked = bool(key.get("taint"))
    return ResponsePlan(
        proofs=proofs,
        found={"key": "marked to be replaced" if is_marked else "in use"},
        actions=(
            ResponseAction(
                "mark",
                f"Mark the key, so that the next `up` replaces it: pulumi state taint {key['urn']}.",
                run=lambda: _mark(context, key["urn"]),
                is_done=is_marked,
            ),
        ),
        left=("The leaked key takes events until `up` has deleted it: whoever has it can only add some.",),
        next_step=(
            "./bulwark up{options} makes the new key, hands its DSN on to the outputs, the jobs' documents "
            "and the hosts, and deletes the former one."
        ),
    )


def _find_key(context: RespondContext, service: str) -> dict[str, Any]:
    """Return the resource of a service's client key in the stack's state. Raises Failure without one."""
    from engine import session  # noqa: PLC0415 - brings the policies along

    state = session.read_state(context.target)
    resources = json.loads(state)["deployment"].get("resources", []) if state else []
    for resource in resources:
        if resource["type"] == _TYPE and resource["urn"].endswith(f"::errors-{service}-key"):
            return resource
    raise Failure(f"The stack has no client key for {service}.", "./bulwark up declares one.")


def _mark(context: RespondContext, urn: str) -> Mapping[str, str]:
    from engine import session  # noqa: PLC0415 - as above

    stack = session.find_stack(context.target)
    if stack is None:
        raise Failure("The engine finds no stack.", "docs/runbooks/state.md.")
    workspace = stack.workspace
    with session.explain_errors():
        workspace.pulumi_command.run(
            ["state", "taint", urn, "--yes", "--stack", context.target.name],
            workspace.work_dir,
            dict(workspace.env_vars),
        )
    return {"marked": urn.rpartition("::")[2]}


ROTATE_DSN: Final = ResponseStep(
    "rotate-dsn",
    "Let the next `up` replace the client key of a service at Sentry, whose DSN leaked.",
    "a service with error tracking",
    "the stack's state, to write; a token of Sentry that reads projects (SENTRY_AUTH_TOKEN)",
    _plan,
)
