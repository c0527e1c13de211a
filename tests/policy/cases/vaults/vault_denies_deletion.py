import json
from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    THE_WRITER,
    TLS,
    VAULT,
    WHO,
    WRITER,
    add,
    allow,
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
from policies.facts.s3_access import DESTRUCTIVE_BUCKET_ACTIONS, DESTRUCTIVE_OBJECT_ACTIONS

DELETING = (*DESTRUCTIVE_BUCKET_ACTIONS, *DESTRUCTIVE_OBJECT_ACTIONS)
DENIED = json.loads(inputs_of(f"{VAULT}-policy")["policy"])["Statement"][5]["Action"]

CASE = Case(
    rule="vault-denies-deletion",
    at=BUCKET,
    weak=(
        no_statement(POLICY, "OnlyBreakGlass"),
        *(
            statement(POLICY, "OnlyBreakGlass", Action=[one for one in DENIED if one != action])
            for action in DELETING
        ),
        statement(POLICY, "OnlyBreakGlass", Effect="Allow"),
        statement(POLICY, "OnlyBreakGlass", Resource=ARN),
        statement(POLICY, "OnlyBreakGlass", Resource=f"{ARN}/*"),
        statement(POLICY, "OnlyBreakGlass", Action=ABSENT, NotAction="s3:GetObject"),
        statement(
            POLICY, "OnlyBreakGlass", Condition={"ArnLike": {WHO: "arn:aws:iam::*:role/another-writer"}}
        ),
        statement(
            POLICY,
            "OnlyBreakGlass",
            Condition={"ArnLike": {WHO: "arn:aws:iam::999999999999:role/example-backup-writer"}},
        ),
        # Without Like, a wildcard stands for itself.
        statement(POLICY, "OnlyBreakGlass", Condition={"StringEquals": {WHO: THE_WRITER}}),
        statement(POLICY, "OnlyBreakGlass", Condition={"ArnNotLike": {WHO: THE_WRITER}}),
        statement(POLICY, "OnlyBreakGlass", Condition={"ArnLike": {WHO: THE_WRITER}, **TLS}),
        statement(POLICY, "OnlyBreakGlass", Principal={"AWS": "arn:aws:iam::123456789012:role/other"}),
        statement(POLICY, "OnlyBreakGlass", Principal=ABSENT, NotPrincipal={"AWS": "1"}),
        more(
            POLICY,
            Principal={"AWS": "arn:aws:iam::123456789012:role/janitor"},
            **allow("s3:Delete*", f"{ARN}/*"),
        ),
        # Another role that writes, where only the writer is denied.
        both(
            statement(POLICY, "OnlyBreakGlass", Condition={"ArnLike": {WHO: THE_WRITER}}),
            add(
                aws("iam/role:Role", "hand", name="hand"),
                aws(
                    "iam/rolePolicy:RolePolicy",
                    "may-write",
                    role="hand",
                    policy=policy(allow("s3:Put*", f"{ARN}/state/*")),
                ),
            ),
        ),
        # Nobody of the stack writes, and the policy speaks of no one.
        both(
            drop(f"{WRITER}-policy"),
            statement(POLICY, "OnlyBreakGlass", Condition=TLS),
        ),
    ),
    absent=(drop(POLICY),),
    unknown=(change(POLICY, policy=UNKNOWN),),
    secret=(
        as_secret(POLICY, "policy"),
        lambda stack: [
            replace(toy, inputs={**toy.inputs, "name": secret("example-backup-writer")})
            if toy.name == WRITER
            else toy
            for toy in stack
        ],
    ),
    fine=(
        statement(POLICY, "OnlyBreakGlass", Condition=ABSENT),
        statement(POLICY, "OnlyBreakGlass", Action="s3:*"),
        statement(POLICY, "OnlyBreakGlass", Condition={"ArnNotLike": {WHO: "arn:aws:iam::*:role/admin"}}),
        statement(
            POLICY,
            "OnlyBreakGlass",
            Condition=ABSENT,
            Principal={
                "AWS": [
                    f"arn:aws:iam::123456789012:role/example-{role}"
                    for role in ("backup-writer", "state-writer")
                ]
            },
        ),
        both(drop(f"{WRITER}-policy"), drop("backups-identity-state-writer-policy")),
    ),
)
