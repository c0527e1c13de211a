from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, marked, on, policy, role

WRITER = f"arn:aws:iam::{ACCOUNT}:role/example-backup-writer"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/example-boundary"
BOUND = {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
AT = "backups-identity-deployer-policy"

CASE = Case(
    rule="role-is-bounded",
    at=AT,
    weak=(
        *(
            policy(on(f"iam:{action}", WRITER))
            for action in ("AttachRolePolicy", "CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy")
        ),
        policy(on("iam:*", "*", **BOUND)),
        policy(on("iam:DeleteRolePermissionsBoundary", WRITER, **BOUND)),
        policy(on("iam:PutRolePolicy", WRITER, StringLike={"iam:PermissionsBoundary": "*"})),
        policy(on("iam:PutRolePolicy", WRITER, StringNotEquals={"iam:PermissionsBoundary": BOUNDARY})),
        policy(on("iam:PutRolePolicy", WRITER, **BOUND), on("iam:CreatePolicyVersion", "*")),
        policy(on("iam:PutRolePolicy", WRITER, **BOUND), on("iam:SetDefaultPolicyVersion", BOUNDARY)),
        # A role without a boundary.
        policy(on("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/example-break-glass")),
        lambda s: alter(
            policy(on("iam:PutRolePolicy", WRITER, **BOUND))(s),
            "backups-identity-backup-writer",
            permissionsBoundary=ABSENT,
        ),
        lambda s: alter(
            policy(on("iam:PutRolePolicy", WRITER, **BOUND))(s),
            "backups-identity-backup-writer",
            permissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/other",
        ),
    ),
    absent=(lambda s: alter(s, AT, policy=ABSENT),),
    unknown=(lambda s: alter(s, AT, policy=UNKNOWN),),
    secret=(marked(AT, "policy"),),
    fine=(
        policy(on(["iam:CreateRole", "iam:PutRolePolicy"], WRITER, **BOUND)),
        policy(on("iam:PutRolePolicy", WRITER, ArnEquals={"iam:PermissionsBoundary": BOUNDARY})),
        policy(on("iam:UpdateAssumeRolePolicy", WRITER)),
        policy(on(["iam:GetRole", "iam:PassRole"], "*")),
        role({"Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}),
    ),
)
