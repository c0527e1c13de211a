"""
A service control policy for the accounts of a platform: `python -m components.service_control_policy NAME`.

It binds every identity of an account, its root user included, which no policy of the account itself does.
"""

import json
import sys
from typing import Any, Final

from components.alarm_names import ANY_REGION, AlarmNames
from components.guard import (
    ALARM_ACTIONS,
    BOUNDARY,
    BREAK_GLASS,
    BUCKET_ACTIONS,
    KEY_ACTIONS,
    OBJECT_ACTIONS,
    SUBSCRIPTION_ACTIONS,
)

MOST_CHARACTERS: Final = 5120
"""AWS Organizations, "Quotas": the size of a service control policy."""

_BOUND_ROLES: Final = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole*",
    "iam:DetachRolePolicy",
    "iam:PutRole*",
    "iam:UpdateAssumeRolePolicy",
)
_BOUNDARY_ACTIONS: Final = (
    "iam:CreatePolicy*",
    "iam:DeletePolicy*",
    "iam:SetDefaultPolicyVersion",
)


def render(platform: str) -> dict[str, Any]:
    """
    Return the policy for the accounts of a platform.

    Args:
        platform: The name of the platform, with which the names of its roles and vaults begin.
    """
    break_glass = f"arn:aws:iam::*:role/{platform}-{BREAK_GLASS}"
    others = {"ArnNotLike": {"aws:PrincipalArn": break_glass}}
    vaults = [f"arn:aws:s3:::{platform}-{kind}-*" for kind in ("vault", "access-log", "trail")]
    alarms = AlarmNames(platform, "*", ANY_REGION)

    def deny(sid: str, actions: tuple[str, ...], resources: Any, condition: Any = None) -> dict[str, Any]:
        given = {"Condition": condition} if condition else {}
        return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resources, **given}

    return {
        "Version": "2012-10-17",
        "Statement": [
            deny(
                "KeepKeys",
                KEY_ACTIONS,
                "*",
                {**others, "StringEquals": {"aws:ResourceTag/Project": platform}},
            ),
            deny(
                "KeepAliases",
                ("kms:DeleteAlias", "kms:UpdateAlias"),
                f"arn:aws:kms:*:*:alias/{platform}-vault-*",
                others,
            ),
            deny("KeepVaults", BUCKET_ACTIONS, vaults, others),
            deny("KeepBackups", OBJECT_ACTIONS, [f"{vault}/*" for vault in vaults], others),
            deny(
                "KeepAlarms",
                ALARM_ACTIONS,
                [f"{alarms.topic_arn}*", alarms.rule_arn(f"{alarms.topic}-*"), alarms.trail_arn],
                others,
            ),
            deny("KeepSubscriptions", SUBSCRIPTION_ACTIONS, "*", others),
            deny("KeepRoles", _BOUND_ROLES, f"arn:aws:iam::*:role/{platform}-*", others),
            # Not even break-glass changes itself or the boundary: for that this policy is detached.
            deny("KeepBreakGlass", _BOUND_ROLES, break_glass),
            deny("KeepBoundary", _BOUNDARY_ACTIONS, f"arn:aws:iam::*:policy/{platform}-{BOUNDARY}"),
            deny("KeepAccount", ("account:CloseAccount", "organizations:LeaveOrganization"), "*"),
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(render(sys.argv[1] if len(sys.argv) > 1 else 'example'), indent=2)}\n")
