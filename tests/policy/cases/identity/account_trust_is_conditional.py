from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, DEPLOYER, OTHER, marked, role


def _account(who: str, **condition: Any) -> Change:
    return role({"Principal": {"AWS": who}, "Action": "sts:AssumeRole", "Condition": condition})


CASE = Case(
    rule="account-trust-is-conditional",
    at=DEPLOYER,
    weak=(
        _account(OTHER),
        _account(f"arn:aws:iam::{OTHER}:root"),
        _account(f"arn:aws:iam::{OTHER}:root", StringLike={"aws:PrincipalTag/team": "a"}),
    ),
    absent=(lambda s: alter(s, DEPLOYER, assumeRolePolicy=ABSENT),),
    unknown=(lambda s: alter(s, DEPLOYER, assumeRolePolicy=UNKNOWN),),
    secret=(marked(DEPLOYER, "assumeRolePolicy"),),
    fine=(
        _account(f"arn:aws:iam::{ACCOUNT}:root"),
        _account(f"arn:aws:iam::{OTHER}:role/operator"),
        _account(OTHER, StringEquals={"sts:ExternalId": "agreed"}),
        _account(OTHER, StringEquals={"aws:PrincipalOrgID": "o-example"}),
    ),
)
