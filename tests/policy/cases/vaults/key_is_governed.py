from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    VAULT,
    add,
    allow,
    as_object,
    as_secret,
    aws,
    both,
    change,
    drop,
    inputs_of,
    more,
    no_statement,
    policy,
    statement,
)

CASE = Case(
    rule="key-is-governed",
    at=f"{VAULT}-key",
    weak=(
        more(f"{VAULT}-key", Principal="*", **allow("kms:Decrypt", "*")),
        more(f"{VAULT}-key", Principal={"AWS": ["*"]}, **allow("kms:*", "*")),
        more(f"{VAULT}-key", NotPrincipal={"AWS": "arn:aws:iam::1:root"}, **allow("kms:*", "*")),
        more(
            f"{VAULT}-key",
            Principal="*",
            Condition={"StringLike": {"kms:CallerAccount": "*"}},
            **allow("kms:*", "*"),
        ),
        more(
            f"{VAULT}-key",
            Principal="*",
            Condition={"Bool": {"aws:SecureTransport": "true"}},
            **allow("kms:*", "*"),
        ),
        statement(f"{VAULT}-key", "AccountAdministers", Action="kms:Decrypt"),
        # Production's policy passes no check, as it leaves its changing to a role that its maker isn't.
        no_statement(f"{VAULT}-key", "OnlyBreakGlass"),
        statement(f"{VAULT}-key", "OnlyBreakGlass", Condition=ABSENT),
        drop("backups-administration-break-glass"),
        change(f"{VAULT}-key", policy="{"),
        add(
            aws(
                "kms/keyPolicy:KeyPolicy",
                "open",
                keyId="alias/example-vault-eu-west-1",
                policy=policy(allow("kms:*", "*", Principal="*")),
            )
        ),
    ),
    absent=(change(f"{VAULT}-key", policy=ABSENT),),
    unknown=(
        change(f"{VAULT}-key", policy=UNKNOWN),
        change(f"{VAULT}-key", policy={"Statement": [{"Effect": "Allow", "Principal": UNKNOWN}]}),
        change(f"{VAULT}-key", bypassPolicyLockoutSafetyCheck=UNKNOWN),
    ),
    secret=(as_secret(f"{VAULT}-key", "policy"),),
    fine=(
        as_object(f"{VAULT}-key"),
        change(f"{VAULT}-key", bypassPolicyLockoutSafetyCheck=ABSENT),
        more(
            f"{VAULT}-key",
            Principal="*",
            Condition={"StringEquals": {"kms:CallerAccount": "123456789012"}},
            **allow("kms:Decrypt", "*"),
        ),
        both(
            change(f"{VAULT}-key", policy=ABSENT),
            lambda stack: [
                *stack,
                replace(
                    aws(
                        "kms/keyPolicy:KeyPolicy",
                        "apart",
                        keyId=UNKNOWN,
                        policy=inputs_of(f"{VAULT}-key")["policy"],
                    ),
                    made_from={"keyId": [f"{VAULT}-key"]},
                ),
            ],
        ),
    ),
)
