from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import (
    ARN,
    BUCKET,
    POLICY,
    THE_WRITER,
    WHO,
    as_secret,
    change,
    drop,
    no_statement,
    statement,
)

ALGORITHM = "s3:x-amz-server-side-encryption"
OWN_KEY = f"{ALGORITHM}-customer-algorithm"

CASE = Case(
    rule="vault-refuses-other-encryption",
    at=BUCKET,
    weak=(
        no_statement(POLICY, "OnlyDefaultEncryption"),
        no_statement(POLICY, "NoOwnKey"),
        # Takes the account's shared key.
        statement(
            POLICY,
            "OnlyDefaultEncryption",
            Condition={"Null": {ALGORITHM: "false"}, "StringNotEquals": {ALGORITHM: "aws:kms"}},
        ),
        statement(POLICY, "OnlyDefaultEncryption", Condition={"StringEquals": {ALGORITHM: "AES256"}}),
        statement(POLICY, "OnlyDefaultEncryption", Condition={"Null": {ALGORITHM: "true"}}),
        statement(POLICY, "OnlyDefaultEncryption", Resource=f"{ARN}/database/*"),
        statement(POLICY, "OnlyDefaultEncryption", Action="s3:PutObjectAcl"),
        statement(POLICY, "OnlyDefaultEncryption", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        statement(POLICY, "NoOwnKey", Condition={"Null": {OWN_KEY: "false"}, "ArnLike": {WHO: THE_WRITER}}),
    ),
    absent=(drop(POLICY), statement(POLICY, "OnlyDefaultEncryption", Condition=ABSENT)),
    unknown=(change(POLICY, policy=UNKNOWN),),
    secret=(as_secret(POLICY, "policy"),),
    fine=(statement(POLICY, "NoOwnKey", Action="s3:*"),),
)
