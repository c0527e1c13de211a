"""A plan that the deployer's role can't carry out: what it has at AWS only an administrator changes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from components.guard import DEPLOYER
from core.failure import Failure
from engine.stack_target import StackTarget

_AWS: Final = "aws:"
_DOCUMENT: Final = "aws:secretsmanager/secretVersion:SecretVersion"
"""The value of a role's document, which the deployer writes."""

_SHOWN: Final = 5


def require_administrator(target: StackTarget, steps: Iterable[Mapping[str, Any]]) -> None:
    """
    Refuse to begin a plan that changes something at AWS with credentials that may only read there.

    The engine would change what comes first at the other vendors, and then break off.

    Args:
        target: The stack; on the twin an administrator deploys.
        steps: What the plan does: `op` and `urn` of each resource that it changes.

    Raises:
        Failure: names the resources, and who can go on.
    """
    changed = sorted({step["urn"].rpartition("::")[2] for step in steps if _is_at_aws(step["urn"])})
    if not changed or target.is_rehearsal:
        return
    from engine.role_credentials import find_caller  # noqa: PLC0415 - boto3 takes a second

    refuse_deployer(find_caller(target, target.deployer_credentials()), changed, target)


def refuse_deployer(caller: str, changed: list[str], target: StackTarget) -> None:
    """Raise Failure if the caller, an ARN, is a session of the deployer's role."""
    role = f"{target.settings.platform.name}-{DEPLOYER}"
    if f":assumed-role/{role}/" not in caller:
        return
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    shown = f"{', '.join(changed[:_SHOWN])}{more}"
    raise Failure(
        f"The plan changes {shown} at AWS, which the role {role} only reads; nothing was changed.",
        f"an administrator runs `./bulwark up --stack {target.name}` from this commit (docs/production.md, "
        '"Provision"); then start this again.',
    )


def _is_at_aws(urn: str) -> bool:
    kind = urn.split("::")[2].rpartition("$")[2]
    return kind.startswith(_AWS) and kind != _DOCUMENT
