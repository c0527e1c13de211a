from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, marked, role

_REPLICATOR = "backups-replicator"


def _service(service: str, name: str = _REPLICATOR, **condition: Any) -> Change:
    return role({"Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition}, name)


CASE = Case(
    rule="service-role-is-bound-to-account",
    at=_REPLICATOR,
    weak=(
        _service("s3.amazonaws.com"),
        _service("s3.amazonaws.com", StringLike={"aws:SourceAccount": "*"}),
        _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:s3:::example-vault"}),
        _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:backup:*:*:*"}),
        _service("s3.amazonaws.com", StringEqualsIfExists={"aws:SourceAccount": ACCOUNT}),
        role({"Principal": {"Service": ["ec2.amazonaws.com", "s3.amazonaws.com"]}}, _REPLICATOR),
    ),
    absent=(lambda s: alter(s, _REPLICATOR, assumeRolePolicy=ABSENT),),
    unknown=(lambda s: alter(s, _REPLICATOR, assumeRolePolicy=UNKNOWN),),
    secret=(marked(_REPLICATOR, "assumeRolePolicy"),),
    fine=(
        _service("ec2.amazonaws.com"),
        _service("s3.amazonaws.com", StringEquals={"AWS:sourceaccount": [ACCOUNT]}),
        _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": f"arn:aws:backup:*:{ACCOUNT}:*"}),
        _service(
            "s3.amazonaws.com",
            ArnLike={"aws:SourceArn": "arn:aws:s3:::example-vault"},
            StringEquals={"aws:SourceAccount": ACCOUNT},
        ),
        _service("s3.amazonaws.com", StringEquals={"aws:SourceOrgID": "o-example"}),
    ),
)
