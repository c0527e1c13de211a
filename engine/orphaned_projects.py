"""
Databases that an attempt left behind: projects at Neon that no stack knows.

Neon's provider repeats the whole creation when a later part of it fails with 429 or 500, and forgets a
project when the answer to its creation is lost. Nothing shows it: the next attempt passes. kislerdm/neon
0.15.0, `retry.go`.
"""

import os
from typing import Any, Final

import pulumi.automation as auto

from components import secrets
from components.settings import PROJECT
from engine.stack_target import StackTarget

_PROJECT: Final = "neon:index/project:Project"
_ADDRESS: Final = "https://console.neon.tech/api/v2/projects"
_PATH: Final = "/neon/api/v2/projects"
_TIMEOUT_SECONDS: Final = 30.0
_KEY: Final = "neon_api_key"


def told(space: StackTarget, engine: auto.Stack, steps: list[dict[str, Any]]) -> str:
    """
    Say which projects of the database's name Neon has beside the stack's own; nothing when there are none.

    Only a run that created the project can have left any, and only through the real provider.
    """
    created = any(step["op"] == "create" and f"{_PROJECT}::" in step["urn"] for step in steps)
    if not created or space.providers != "real":
        return ""
    import httpx  # noqa: PLC0415 - takes 0.1 s, which only the run that makes the database pays

    try:
        others = _named(httpx.get(**_question(space, engine)), space) - _own(engine)
    except (httpx.HTTPError, auto.CommandError) as error:
        return f"bulwark: Neon was not asked for what the run may have left behind: {error}\n"
    if not others:
        return ""
    named = space.settings.database.project
    return (
        f"bulwark: Neon has {', '.join(sorted(others))} named {named}, which this stack does not know.\n"
        "  Next: an attempt that broke off may have left it; look inside, then delete it in Neon's console.\n"
    )


def _own(engine: auto.Stack) -> set[str]:
    resources = (engine.export_stack().deployment or {}).get("resources", [])
    return {str(found["id"]) for found in resources if found["type"] == _PROJECT}


def _question(space: StackTarget, engine: auto.Stack) -> dict[str, Any]:
    """Ask for the projects whose name has the database's in it. Raises auto.CommandError."""
    database = space.settings.database
    key = os.environ.get(secrets.variable(_KEY)) or engine.get_config(f"{PROJECT}:{_KEY}").value
    return {
        "url": f"http://127.0.0.1:{space.twin.port('vendors')}{_PATH}" if space.twin else _ADDRESS,
        "params": {"search": database.project, "org_id": database.organization, "limit": 400},
        "headers": {"Authorization": f"Bearer {key}"},
        "timeout": _TIMEOUT_SECONDS,
    }


def _named(answer: Any, space: StackTarget) -> set[str]:
    found = answer.raise_for_status().json()["projects"]
    return {str(project["id"]) for project in found if project["name"] == space.settings.database.project}
