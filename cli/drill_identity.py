"""Who drills, with which code: from the checkout, the environment, and the programs in use."""

import getpass
import os
import platform
import subprocess
from datetime import datetime
from importlib import metadata

from cli.drill_yard import Yard
from cli.stack_file import CHECKOUT
from recovery import keys
from recovery.drill.identity import Identity
from recovery.postgres.clients import find
from recovery.postgres.connecting import connected
from toolchain.engine import VERSION
from toolchain.failure import Failure


def identity(yard: Yard, started: datetime) -> Identity:
    """Return it; what can't be found out is left out, for evidence of a failed drill is needed most."""
    commit = _git("rev-parse", "HEAD")
    return Identity(
        id=keys.new_id(started),
        stack=yard.space.name,
        environment=yard.space.settings.platform.environment,
        place=yard.space.place,
        commit=commit or None,
        changed=bool(commit and _git("status", "--porcelain")),
        versions=_versions(yard.site.database_url),
        trigger="schedule" if os.environ.get("GITHUB_EVENT_NAME") == "schedule" else "manual",
        actor=os.environ.get("GITHUB_ACTOR") or getpass.getuser(),
        run_url=_run_url(),
    )


def _git(*arguments: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _versions(database_url: str) -> dict[str, str]:
    found = {
        "bulwark": metadata.version("bulwark"),
        "python": platform.python_version(),
        "pulumi": VERSION,
    }
    try:
        with connected(database_url) as connection:
            major = connection.info.server_version // 10_000
            found["server"] = connection.info.parameter_status("server_version") or str(major)
        clients = find(database_url, major=major)
    except Failure:
        return found
    return found | {"pg_dump": clients.version, "pg_restore": clients.version}


def _run_url() -> str | None:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
