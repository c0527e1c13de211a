from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    BUCKET,
    NAME,
    POLICY,
    VAULT,
    add,
    allow,
    as_secret,
    aws,
    both,
    change,
    more,
    policy,
)

STRANGER = "444455556666"
KEY = f"{VAULT}-key"
READ = allow("s3:GetObject", f"{ARN}/*")
GRANTED = {"keyId": "alias/example-vault-eu-west-1", "operations": ["Decrypt"]}
OPEN = policy(READ | {"Principal": {"AWS": STRANGER}})
POINT = aws("s3/accessPoint:AccessPoint", "point", bucket=NAME, name="point")

CASE = Case(
    rule="vault-admits-no-stranger",
    at=BUCKET,
    weak=(
        *(
            more(POLICY, Principal=who, **READ)
            for who in (
                {"AWS": STRANGER},
                {"AWS": f"arn:aws:iam::{STRANGER}:root"},
                {"AWS": f"arn:aws:iam::{STRANGER}:role/reader"},
                {"AWS": ["arn:aws:iam::123456789012:role/mine", f"arn:aws:iam::{STRANGER}:user/their"]},
                {"AWS": "AIDACKCEVSQ6C2EXAMPLE"},
                {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},
                {"Federated": f"arn:aws:iam::{STRANGER}:saml-provider/theirs"},
                {"Service": "macie.amazonaws.com"},
            )
        ),
        more(POLICY, Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-example"}}, **READ),
        more(
            POLICY,
            Principal="*",
            Condition={"StringEquals": {"aws:PrincipalAccount": ["123456789012", STRANGER]}},
            **READ,
        ),
        more(
            POLICY,
            Principal={"AWS": STRANGER},
            Condition={"StringEquals": {"aws:PrincipalTag/team": "backups"}},
            **READ,
        ),
        more(KEY, Principal={"AWS": f"arn:aws:iam::{STRANGER}:root"}, **allow("kms:Decrypt", "*")),
        add(aws("kms/grant:Grant", "given", granteePrincipal=f"arn:aws:iam::{STRANGER}:root", **GRANTED)),
        add(replace(POINT, inputs={**POINT.inputs, "policy": OPEN})),
        add(replace(POINT, inputs={**POINT.inputs, "policy": policy(READ | {"Principal": "*"})})),
        both(
            add(POINT),
            add(
                replace(
                    aws(
                        "s3control/accessPointPolicy:AccessPointPolicy",
                        "point-policy",
                        accessPointArn=UNKNOWN,
                        policy=OPEN,
                    ),
                    made_from={"accessPointArn": ["point"]},
                )
            ),
        ),
        change("backups-replication", rules__0__destination__account=STRANGER),
    ),
    absent=(change(POLICY, policy=ABSENT),),
    unknown=(
        change(POLICY, policy=UNKNOWN),
        change(KEY, policy=UNKNOWN),
        change("backups-replication", rules__0__destination__account=UNKNOWN),
        add(aws("kms/grant:Grant", "given", granteePrincipal=UNKNOWN, **GRANTED)),
    ),
    secret=(as_secret(POLICY, "policy"), as_secret(KEY, "policy")),
    fine=(
        more(POLICY, Principal={"AWS": "123456789012"}, **READ),
        more(POLICY, Principal={"AWS": "arn:aws:iam::210987654321:role/example-replica-reader"}, **READ),
        more(
            POLICY,
            Principal={"Service": "macie.amazonaws.com"},
            Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}},
            **READ,
        ),
        more(
            KEY,
            Principal="*",
            Condition={"StringEquals": {"kms:CallerAccount": "123456789012"}},
            **allow("kms:Decrypt", "*"),
        ),
        add(
            aws("kms/grant:Grant", "given", granteePrincipal="arn:aws:iam::123456789012:role/mine", **GRANTED)
        ),
        change("backups-replication", rules__0__destination__account=ABSENT),
    ),
)
