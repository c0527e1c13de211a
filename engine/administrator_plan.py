"""Changes of the administrator's stack, which the deployer's role can't carry out."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from components.guard import DEPLOYER
from core.failure import Failure
from engine.stack_target import StackTarget

_SHOWN: Final = 5


def require_administrator(target: StackTarget, steps: Iterable[Mapping[str, Any]], *, planned: bool) -> None:
    """
    Refuse to change the administrator's stack with credentials that may only read there.

    Args:
        target: The stack.
        steps: What would be done: `op` and `urn` of each resource that is changed.
        planned: Whether a reviewed plan is carried out, which is one of the platform's stack.

    Raises:
        Failure: names the resources, and who can go on.
    """
    changed = sorted({step["urn"].rpartition("::")[2] for step in steps})
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    shown = f"{', '.join(changed[:_SHOWN])}{more}"
    if planned:
        raise Failure(
            f"The administrator's stack would change ({shown}), and the plan is the platform's; nothing was "
            "changed.",
            _describe_next_step(target),
        )
    if target.deploys_as_administrator:
        return
    from engine.role_credentials import find_caller  # noqa: PLC0415 - botocore takes a second

    role = f"{target.settings.platform.name}-{DEPLOYER}"
    if f":assumed-role/{role}/" in find_caller(target, target.deployer_credentials()):
        raise Failure(
            f"The administrator's stack would change ({shown}), which the role {role} only reads; nothing "
            "was changed.",
            _describe_next_step(target),
        )


def _describe_next_step(target: StackTarget) -> str:
    return (
        f"an administrator runs `./bulwark up --administrator --stack {target.name}{target.option}` from "
        'this commit (docs/production.md, "Who declares what"); then start this again.'
    )
