from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, DEPLOYER, OTHER, OWN, marked, on, policy

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
    ),
    absent=(lambda s: alter(s, f"{DEPLOYER}-policy", policy=ABSENT),),
    unknown=(
        lambda s: alter(s, f"{DEPLOYER}-policy", policy=UNKNOWN),
        lambda s: alter(s, f"{DEPLOYER}-policy", role=UNKNOWN),
    ),
    secret=(marked(f"{DEPLOYER}-policy", "policy"), marked(f"{DEPLOYER}-policy", "role")),
    fine=(
        policy(on("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/example-backup-writer")),
        policy(on("iam:PutRolePolicy", f"arn:aws:iam::{OTHER}:role/*")),
        policy(on(["iam:GetRole", "iam:PassRole"], "*")),
        policy(on("iam:*", "*"), {"Effect": "Deny", "Action": "iam:*", "Resource": OWN}),
    ),
)
