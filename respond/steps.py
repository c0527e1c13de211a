"""The steps that `./bulwark respond` knows."""

from typing import Final

from core.failure import Failure
from respond.database_writes import ALLOW_WRITES, STOP_WRITES
from respond.deployments import REDEPLOY, ROLL_BACK
from respond.recover_project import RECOVER_PROJECT
from respond.restore_branch import RESTORE_BRANCH
from respond.rotate_api_key import ROTATE_API_KEY
from respond.rotate_dsn import ROTATE_DSN
from respond.rotate_password import ROTATE_PASSWORD
from respond.step import ResponseStep

STEPS: Final[tuple[ResponseStep, ...]] = (
    STOP_WRITES,
    ALLOW_WRITES,
    ROLL_BACK,
    REDEPLOY,
    RESTORE_BRANCH,
    RECOVER_PROJECT,
    ROTATE_PASSWORD,
    ROTATE_DSN,
    ROTATE_API_KEY,
)


def find_step(name: str) -> ResponseStep:
    """Return a step by its name. Raise Failure if there is none."""
    for step in STEPS:
        if step.name == name:
            return step
    names = ", ".join(step.name for step in STEPS)
    raise Failure(f"There is no step {name}.", f"choose one of these: {names}.")
