from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.log_guard import guard_of_log
from cases.vaults import (
    BUCKET,
    NAME,
    TLS,
    VAULT,
    allow,
    as_secret,
    both,
    change,
    drop,
    inputs_of,
    more,
    no_statement,
    statement,
)

LOG = "backups-vault-access-log"
GUARD = guard_of_log(LOG)

CASE = Case(
    rule="vault-access-is-logged",
    at=BUCKET,
    weak=(
        change(f"{VAULT}-logging", targetBucket=NAME),
        change(f"{VAULT}-logging", targetBucket="somebody-elses"),
        no_statement(f"{LOG}-policy", "LogDelivery"),
        statement(f"{LOG}-policy", "LogDelivery", Effect="Deny"),
        statement(f"{LOG}-policy", "LogDelivery", Action="s3:GetObject"),
        statement(f"{LOG}-policy", "LogDelivery", Principal={"Service": "cloudtrail.amazonaws.com"}),
        statement(f"{LOG}-policy", "LogDelivery", Condition=TLS),
        more(
            f"{LOG}-policy",
            Principal={"AWS": "arn:aws:iam::123456789012:role/hand"},
            **allow("s3:Put*", "*"),
        ),
        more(
            f"{LOG}-policy",
            Principal={"AWS": "arn:aws:iam::123456789012:role/hand"},
            **allow("s3:DeleteObject", "*"),
        ),
        *GUARD.weak,
        change(f"{LOG}-lifecycle", rules__0__expiration__days=89),
        change(f"{LOG}-lifecycle", rules__0__expiration={"date": "2031-01-01"}),
    ),
    absent=(
        drop(f"{VAULT}-logging"),
        drop(f"{LOG}-policy"),
        change(f"{VAULT}-logging", targetBucket=ABSENT),
        statement(f"{LOG}-policy", "LogDelivery", Condition=ABSENT),
        *GUARD.absent,
    ),
    unknown=(
        change(f"{VAULT}-logging", targetBucket=UNKNOWN),
        change(f"{LOG}-policy", policy=UNKNOWN),
        *GUARD.unknown,
        change(f"{LOG}-lifecycle", rules__0__expiration__days=UNKNOWN),
    ),
    secret=(
        as_secret(f"{VAULT}-logging", "targetBucket"),
        as_secret(f"{LOG}-policy", "policy"),
        change(f"{LOG}-lifecycle", rules__0__expiration__days=secret(90)),
    ),
    fine=(
        change(f"{LOG}-lifecycle", rules__0__expiration__days=365),
        *GUARD.fine,
        both(
            drop(f"{VAULT}-logging"),
            change(BUCKET, logging={"targetBucket": inputs_of(f"{LOG}-bucket")["bucket"]}),
        ),
    ),
)
