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

DELETING = json.loads(inputs_of(f"{VAULT}-policy")["policy"])["Statement"][4]["Action"]

CASE = Case(
    rule="vault-denies-deletion",
    at=BUCKET,
    weak=(
        no_statement(POLICY, "WriterOnlyAdds"),
        *(
            statement(POLICY, "WriterOnlyAdds", Action=[one for one in DELETING if one != action])
            for action in DELETING
        ),
        statement(POLICY, "WriterOnlyAdds", Effect="Allow"),
        statement(POLICY, "WriterOnlyAdds", Resource=ARN),
        statement(POLICY, "WriterOnlyAdds", Resource=f"{ARN}/*"),
        statement(POLICY, "WriterOnlyAdds", Action=ABSENT, NotAction="s3:GetObject"),
        statement(
            POLICY, "WriterOnlyAdds", Condition={"ArnLike": {WHO: "arn:aws:iam::*:role/another-writer"}}
        ),
        statement(
            POLICY,
            "WriterOnlyAdds",
            Condition={"ArnLike": {WHO: "arn:aws:iam::999999999999:role/example-backup-writer"}},
        ),
        # Without Like, a wildcard stands for itself.
        statement(POLICY, "WriterOnlyAdds", Condition={"StringEquals": {WHO: THE_WRITER}}),
        statement(POLICY, "WriterOnlyAdds", Condition={"ArnNotLike": {WHO: THE_WRITER}}),
        statement(POLICY, "WriterOnlyAdds", Condition={"ArnLike": {WHO: THE_WRITER}, **TLS}),
        statement(POLICY, "WriterOnlyAdds", Principal={"AWS": "arn:aws:iam::123456789012:role/other"}),
        statement(POLICY, "WriterOnlyAdds", Principal=ABSENT, NotPrincipal={"AWS": "1"}),
        more(
            POLICY,
            Principal={"AWS": "arn:aws:iam::123456789012:role/janitor"},
            **allow("s3:Delete*", f"{ARN}/*"),
        ),
        # Another role that writes.
        add(
            aws("iam/role:Role", "hand", name="hand"),
            aws(
                "iam/rolePolicy:RolePolicy",
                "may-write",
                role="hand",
                policy=policy(allow("s3:Put*", f"{ARN}/state/*")),
            ),
        ),
        # Nobody of the stack writes, and the policy speaks of no one.
        both(
            drop(f"{WRITER}-policy"),
            statement(POLICY, "WriterOnlyAdds", Condition=TLS),
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
        statement(POLICY, "WriterOnlyAdds", Condition=ABSENT),
        statement(POLICY, "WriterOnlyAdds", Action="s3:*"),
        statement(POLICY, "WriterOnlyAdds", Condition={"ArnNotLike": {WHO: "arn:aws:iam::*:role/admin"}}),
        statement(
            POLICY,
            "WriterOnlyAdds",
            Condition=ABSENT,
            Principal={"AWS": "arn:aws:iam::123456789012:role/example-backup-writer"},
        ),
        drop(f"{WRITER}-policy"),
    ),
)
