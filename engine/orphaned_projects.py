"""
Projects at Neon that an attempt to create the database left behind and that no stack knows.

Neon's provider repeats the whole creation when a later part of it fails with 429 or 500, and forgets a
project when the answer to its creation is lost. Nothing shows it, because the next attempt passes.
kislerdm/neon 0.15.0, `retry.go`.
"""

import os
from typing import Any, Final

import pulumi.automation as auto

from engine.stack_target import StackTarget

_PROJECT: Final = "neon:index/project:Project"
_TIMEOUT_SECONDS: Final = 30.0
_TOKEN: Final = "NEON_API_KEY"  # noqa: S105 - the name of a variable


def describe_orphans(target: StackTarget, engine: auto.Stack, steps: list[dict[str, Any]]) -> str:
    """
    Return a message that names Neon's projects of the database's name beside the stack's own; "" without any.

    Only a run that created the project can have left any, and only through the real provider.
    """
    created = any(step["op"] == "create" and f"{_PROJECT}::" in step["urn"] for step in steps)
    if not created or target.providers != "real":
        return ""
    import httpx  # noqa: PLC0415 - takes 0.1 s, which only the run that makes the database pays

    try:
        others = _ids_of_name(httpx.get(**_request(target)), target) - _own(engine)
    except (httpx.HTTPError, auto.CommandError) as error:
        return f"bulwark: Neon was not asked for what the run may have left behind: {error}\n"
    if not others:
        return ""
    name = target.settings.database.project
    return (
        f"bulwark: Neon has {', '.join(sorted(others))} named {name}, which this stack does not know.\n"
        "  Next: an attempt that broke off may have left it; look inside, then delete it in Neon's console.\n"
    )


def _own(engine: auto.Stack) -> set[str]:
    resources = (engine.export_stack().deployment or {}).get("resources", [])
    return {str(resource["id"]) for resource in resources if resource["type"] == _PROJECT}


def _request(target: StackTarget) -> dict[str, Any]:
    """Return the request for the projects whose name has the database's in it."""
    database = target.settings.database
    return {
        "url": f"{target.api_url('neon')}/projects",
        "params": {"search": database.project, "org_id": database.organization, "limit": 400},
        "headers": {"Authorization": f"Bearer {os.environ[_TOKEN]}"},
        "timeout": _TIMEOUT_SECONDS,
    }


def _ids_of_name(response: Any, target: StackTarget) -> set[str]:
    projects = response.raise_for_status().json()["projects"]
    return {str(project["id"]) for project in projects if project["name"] == target.settings.database.project}
