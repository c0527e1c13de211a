from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    REPLICA_ARN,
    TLS,
    allow,
    as_object,
    as_secret,
    both,
    change,
    drop,
    inputs_of,
    no_statement,
    policy,
    second,
    statement,
)

CASE = Case(
    rule="bucket-demands-encrypted-transport",
    at=BUCKET,
    weak=(
        no_statement(POLICY, "OnlyTls"),
        statement(POLICY, "OnlyTls", Effect="Allow"),
        statement(POLICY, "OnlyTls", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        statement(POLICY, "OnlyTls", Principal=ABSENT, NotPrincipal={"AWS": "arn:aws:iam::1:root"}),
        statement(POLICY, "OnlyTls", Action="s3:Get*"),
        statement(POLICY, "OnlyTls", Action=ABSENT, NotAction="s3:GetObject"),
        statement(POLICY, "OnlyTls", Resource=ARN),
        statement(POLICY, "OnlyTls", Resource=f"{ARN}/*"),
        statement(POLICY, "OnlyTls", Resource=[ARN, f"{ARN}/state/*"]),
        statement(POLICY, "OnlyTls", Resource=[REPLICA_ARN, f"{REPLICA_ARN}/*"]),
        statement(POLICY, "OnlyTls", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        statement(POLICY, "OnlyTls", Condition={**TLS, "IpAddress": {"aws:SourceIp": "192.0.2.1"}}),
        second(POLICY, policy=policy(allow("s3:ListBucket", ARN, Principal={"AWS": "1"}))),
    ),
    absent=(
        drop(POLICY),
        change(POLICY, policy=ABSENT),
        statement(POLICY, "OnlyTls", Condition=ABSENT),
    ),
    unknown=(
        change(POLICY, policy=UNKNOWN),
        change(POLICY, policy={"Statement": [{"Effect": "Deny", "Resource": UNKNOWN}]}),
    ),
    secret=(as_secret(POLICY, "policy"),),
    fine=(
        as_object(POLICY),
        statement(POLICY, "OnlyTls", Principal={"AWS": "*"}, Action="*", Resource=f"{ARN}*"),
        statement(POLICY, "OnlyTls", Condition={"BoolIfExists": {"aws:SecureTransport": False}}),
        both(drop(POLICY), change(BUCKET, policy=inputs_of(POLICY)["policy"])),
    ),
)
