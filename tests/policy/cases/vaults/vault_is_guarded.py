import json

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import ARN, BUCKET, POLICY, WHO, as_secret, change, drop, inputs_of, no_statement, statement
from policies.facts.s3_access import DESTRUCTIVE_BUCKET_ACTIONS, DESTRUCTIVE_OBJECT_ACTIONS

GUARD, SID = "backups-administration-break-glass", "OnlyBreakGlass"
ROLE = "arn:aws:iam::123456789012:role/example"
DENIED = json.loads(inputs_of(POLICY)["policy"])["Statement"][5]["Action"]
CHECKED = (
    *DESTRUCTIVE_BUCKET_ACTIONS,
    *DESTRUCTIVE_OBJECT_ACTIONS,
    "s3:PutBucketAcl",
    "s3:PutBucketLogging",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
    "s3:UpdateObjectEncryption",
)


def left_out(*arns: str, operator: str = "ArnNotEquals") -> Change:
    return statement(POLICY, SID, Condition={operator: {WHO: list(arns)}})


CASE = Case(
    rule="vault-is-guarded",
    at=BUCKET,
    weak=(
        no_statement(POLICY, SID),
        *(statement(POLICY, SID, Action=[one for one in DENIED if one != action]) for action in CHECKED),
        statement(POLICY, SID, Effect="Allow"),
        statement(POLICY, SID, Resource=ARN),
        statement(POLICY, SID, Resource=f"{ARN}/*"),
        # As it was: the writer alone.
        statement(POLICY, SID, Condition={"ArnLike": {WHO: f"{ROLE}-backup-writer"}}),
        left_out("arn:aws:iam::*:role/example-break-glass", operator="ArnNotLike"),
        left_out(f"{ROLE}-break-glass", "arn:aws:iam::123456789012:root"),
        left_out(f"{ROLE}-break-glass", f"{ROLE}-deployer"),
        drop(GUARD),
    ),
    absent=(drop(POLICY),),
    unknown=(change(POLICY, policy=UNKNOWN), change(GUARD, assumeRolePolicy=UNKNOWN)),
    secret=(as_secret(POLICY, "policy"), as_secret(GUARD, "assumeRolePolicy")),
    fine=(
        statement(POLICY, SID, Condition=ABSENT),
        statement(POLICY, SID, Action="s3:*"),
        left_out(f"{ROLE}-break-glass", operator="StringNotLike"),
    ),
)
