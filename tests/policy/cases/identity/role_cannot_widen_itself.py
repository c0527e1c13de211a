from collections.abc import Sequence
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, alter

from cases.identity import ACCOUNT, DEPLOYER, OTHER, OWN, document, marked, on, policy, role

WRITER = f"arn:aws:iam::{ACCOUNT}:role/example-backup-writer"
PLANNER = f"arn:aws:iam::{ACCOUNT}:role/example-planner"
BOUND = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/example-boundary"}}


def trusted_by(name: str, principal: Any) -> Change:
    return role({"Action": "sts:AssumeRole", "Principal": principal}, name)


def and_then(*changes: Change) -> Change:
    def change_all(stack: Sequence[Toy]) -> Sequence[Toy]:
        for change in changes:
            stack = change(stack)
        return stack

    return change_all


CASE = Case(
    rule="role-cannot-widen-itself",
    at=f"{DEPLOYER}-policy",
    weak=(
        *(
            policy(on(f"iam:{action}", OWN))
            for action in (
                "AttachRolePolicy",
                "DeleteRolePermissionsBoundary",
                "DeleteRolePolicy",
                "DetachRolePolicy",
                "PutRolePermissionsBoundary",
                "PutRolePolicy",
                "UpdateAssumeRolePolicy",
            )
        ),
        policy(on("iam:*", "*")),
        policy(on("iam:put*", "arn:aws:iam::*:role/example-*")),
        policy({"NotAction": "s3:*", "Resource": OWN}),
        policy({"Action": "iam:PutRolePolicy", "NotResource": "arn:aws:iam::*:role/other"}),
        policy(
            on("iam:PutRolePolicy", "*"),
            {
                "Effect": "Deny",
                **on("iam:PutRolePolicy", OWN, Bool={"aws:MultiFactorAuthPresent": "false"}),
            },
        ),
        policy(on("iam:*", "*"), {"Effect": "Deny", "Action": "iam:*", "Resource": OWN}),
        policy(on("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/example-break-glass")),
        policy(on("sts:*", "arn:aws:iam::*:role/example-*")),
        # Through another role: its trust is rewritten, or it trusts this one already.
        policy(on(["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"], WRITER)),
        policy(on("iam:AttachRolePolicy", WRITER), on("iam:UpdateAssumeRolePolicy", WRITER)),
        and_then(
            policy(on("iam:PutRolePolicy", WRITER), on("sts:AssumeRole", WRITER)),
            trusted_by("backups-identity-backup-writer", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        ),
        # Through two: the first is entered, and widens the second.
        and_then(
            policy(on("iam:UpdateAssumeRolePolicy", WRITER), on("sts:AssumeRole", PLANNER)),
            lambda s: alter(s, "backups-identity-backup-writer", permissionsBoundary=ABSENT),
            lambda s: alter(
                s,
                "backups-identity-backup-writer-policy",
                policy=document(on(["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"], PLANNER)),
            ),
        ),
    ),
    absent=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=ABSENT),),
    unknown=(
        lambda s: alter(s, f"{DEPLOYER}-policy", policy=UNKNOWN),
        lambda s: alter(s, f"{DEPLOYER}-policy", role=UNKNOWN),
    ),
    secret=(marked(f"{DEPLOYER}-policy", "policy"), marked(f"{DEPLOYER}-policy", "role")),
    fine=(
        policy(on("iam:PutRolePolicy", WRITER)),
        policy(on("iam:PutRolePolicy", WRITER, **BOUND), on("iam:UpdateAssumeRolePolicy", WRITER)),
        policy(on("iam:PutRolePolicy", WRITER), on("sts:AssumeRole", WRITER)),
        and_then(
            policy(on("sts:AssumeRole", WRITER)),
            trusted_by("backups-identity-backup-writer", {"AWS": OWN}),
        ),
        policy(on("iam:PutRolePolicy", f"arn:aws:iam::{OTHER}:role/*")),
        policy(on(["iam:GetRole", "iam:PassRole"], "*")),
        # People may take on the role for emergencies.
        and_then(
            policy(on("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/example-break-glass")),
            trusted_by(DEPLOYER, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        ),
        policy(on("iam:PutRolePolicy", "*"), {"Effect": "Deny", "Action": "iam:*", "Resource": OWN}),
    ),
)
