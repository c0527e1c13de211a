from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import ARN, BUCKET, POLICY, as_secret, change, drop, no_statement, statement

CASE = Case(
    rule="vault-demands-current-tls",
    at=BUCKET,
    weak=(
        no_statement(POLICY, "OnlyCurrentTls"),
        statement(POLICY, "OnlyCurrentTls", Effect="Allow"),
        statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": "1.1"}}),
        statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": "new"}}),
        statement(POLICY, "OnlyCurrentTls", Condition={"NumericEquals": {"s3:TlsVersion": "1.2"}}),
        statement(POLICY, "OnlyCurrentTls", Resource=f"{ARN}/*"),
    ),
    absent=(drop(POLICY), statement(POLICY, "OnlyCurrentTls", Condition=ABSENT)),
    unknown=(change(POLICY, policy=UNKNOWN),),
    secret=(as_secret(POLICY, "policy"),),
    fine=(statement(POLICY, "OnlyCurrentTls", Condition={"NumericLessThan": {"s3:TlsVersion": 1.3}}),),
)
