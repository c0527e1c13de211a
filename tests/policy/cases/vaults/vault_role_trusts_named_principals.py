from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import as_secret, change, drop, policy

ROLE = "backups-identity-backup-restorer"
ROOT = "arn:aws:iam::123456789012:root"
PLANNER = "arn:aws:iam::123456789012:role/example-planner"
PRESENT = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def trust(principal: Any, **condition: Any) -> Change:
    """Let one principal take on the role that restores."""
    said = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return change(ROLE, assumeRolePolicy=policy(said | ({"Condition": condition} if condition else {})))


CASE = Case(
    rule="vault-role-trusts-named-principals",
    at=ROLE,
    weak=(
        trust({"AWS": ROOT}),
        trust({"AWS": "123456789012"}),
        trust({"AWS": [PLANNER, ROOT]}),
        trust({"AWS": ROOT}, **PRESENT),
        trust({"AWS": ROOT}, **PRESENT, NumericLessThan={"aws:MultiFactorAuthAge": "86400"}),
        trust({"AWS": ROOT}, StringEquals={"sts:ExternalId": "example"}),
        trust({"AWS": ROOT}, ArnLike={"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}),
        trust({"AWS": ROOT}, ArnNotEquals={"aws:PrincipalArn": PLANNER}),
        trust({"Service": "ec2.amazonaws.com"}),
        trust({"Service": "lambda.amazonaws.com"}, StringEquals={"aws:SourceAccount": "123456789012"}),
        trust({"Service": "s3.amazonaws.com"}, StringEquals={"aws:SourceAccount": "123456789012"}),
    ),
    absent=(change(ROLE, assumeRolePolicy=ABSENT),),
    unknown=(change(ROLE, assumeRolePolicy=UNKNOWN),),
    secret=(as_secret(ROLE, "assumeRolePolicy"),),
    fine=(
        trust({"AWS": PLANNER}),
        trust({"AWS": ROOT}, ArnEquals={"aws:PrincipalArn": PLANNER}),
        trust({"AWS": ROOT}, **PRESENT, NumericLessThan={"aws:MultiFactorAuthAge": "900"}),
        # Without rights in a vault it is none of these roles.
        lambda stack: trust({"AWS": ROOT})(drop(f"{ROLE}-policy")(stack)),
    ),
)
