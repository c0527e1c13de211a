import json

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    VAULT,
    WHO,
    add,
    allow,
    as_object,
    as_secret,
    aws,
    change,
    drop,
    inputs_of,
    no_statement,
    policy,
    statement,
)
from policies.rules.vaults.key_is_guarded import ACTIONS

KEY, GUARD, SID = f"{VAULT}-key", "backups-administration-break-glass", "OnlyBreakGlass"
ROLE = "arn:aws:iam::123456789012:role/example"
ROOT = "arn:aws:iam::123456789012:root"
DENIED = json.loads(inputs_of(KEY)["policy"])["Statement"][1]["Action"]
MFA, AGE = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"


def left_out(*arns: str, operator: str = "ArnNotEquals") -> Change:
    return statement(KEY, SID, Condition={operator: {WHO: list(arns)}})


def trust(principal: object, **condition: object) -> Change:
    """Let somebody take on the break-glass role."""
    allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}
    return change(GUARD, assumeRolePolicy=policy(allowed))


def granted(operations: object) -> Change:
    """Grant somebody the use of the key."""
    return add(
        aws(
            "kms/grant:Grant",
            "granted",
            keyId="alias/example-vault-eu-west-1",
            granteePrincipal=f"{ROLE}-planner",
            operations=operations,
        )
    )


def replica(**inputs: object) -> Change:
    """Make a key of the same material in another region."""
    named = "alias/example-vault-eu-west-1"
    return add(aws("kms/replicaKey:ReplicaKey", "replica", primaryKeyArn=named, **inputs))


CASE = Case(
    rule="key-is-guarded",
    at=KEY,
    weak=(
        no_statement(KEY, SID),
        *(statement(KEY, SID, Action=[one for one in DENIED if one != action]) for action in ACTIONS),
        statement(KEY, SID, Effect="Allow"),
        statement(KEY, SID, Principal={"AWS": ROOT}),
        statement(KEY, SID, Action=ABSENT, NotAction="kms:Decrypt"),
        statement(KEY, SID, Condition={"ArnEquals": {WHO: f"{ROLE}-break-glass"}}),
        statement(
            KEY,
            SID,
            Condition={"ArnNotEquals": {WHO: f"{ROLE}-break-glass"}, "Bool": {MFA: "false"}},
        ),
        statement(KEY, SID, Condition=ABSENT),
        left_out(f"{ROLE}-*", operator="ArnNotLike"),
        left_out(f"{ROLE}-break-glass", ROOT),
        left_out(f"{ROLE}-break-glass", f"{ROLE}-deployer"),
        left_out(f"{ROLE}-nobody"),
        left_out("arn:aws:iam::210987654321:role/example-break-glass"),
        trust({"AWS": ROOT}),
        trust({"AWS": ROOT}, Bool={MFA: "true"}),
        trust({"AWS": ROOT}, BoolIfExists={MFA: "true"}, NumericLessThan={AGE: "900"}),
        trust({"AWS": ROOT}, Bool={MFA: "true"}, NumericLessThan={AGE: "86400"}),
        trust({"Service": "ec2.amazonaws.com"}, Bool={MFA: "true"}, NumericLessThan={AGE: "900"}),
        add(
            aws(
                "iam/rolePolicy:RolePolicy",
                "janitor",
                role="janitor",
                policy=policy(allow("kms:Schedule*", "arn:aws:kms:eu-west-1:123456789012:key/1")),
            )
        ),
        granted(["Decrypt", "CreateGrant"]),
        replica(policy=policy(allow("kms:*", "*", Principal={"AWS": ROOT}))),
        replica(),
        add(aws("kms/keyPolicy:KeyPolicy", "open", keyId="alias/example-vault-eu-west-1", policy=policy())),
        drop(GUARD),
    ),
    absent=(change(KEY, policy=ABSENT),),
    unknown=(
        granted([UNKNOWN]),
        granted(UNKNOWN),
        change(KEY, policy=UNKNOWN),
        change(GUARD, assumeRolePolicy=UNKNOWN),
    ),
    secret=(as_secret(KEY, "policy"), as_secret(GUARD, "assumeRolePolicy")),
    fine=(
        as_object(KEY),
        granted(["Decrypt", "Encrypt", "RetireGrant"]),
        replica(policy=inputs_of(KEY)["policy"]),
        statement(KEY, SID, Action="kms:*"),
        left_out(f"{ROLE}-break-glass", operator="StringNotEquals"),
        trust({"AWS": f"{ROLE}-person"}, Bool={MFA: True}, NumericLessThanEquals={AGE: 3600}),
    ),
)
