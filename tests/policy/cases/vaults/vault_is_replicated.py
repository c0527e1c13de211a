from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import (
    ARN,
    BUCKET,
    REPLICA_ARN,
    VAULT,
    WHO,
    both,
    change,
    drop,
    inputs_of,
    made_from,
    more,
    no_statement,
    statement,
)

REPLICATION, REPLICA_KEY = "backups-replication", "backups-replica-key"
ACCOUNT = "123456789012"
ROOT, ROLE = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/example"
THERE = "arn:aws:iam::210987654321:role/example-break-glass"
RULE = inputs_of(REPLICATION)["rules"][0]


def administered(**allowed: Any) -> Change:
    """Let somebody administer the replica's key, of which nothing is denied any more."""
    return both(
        no_statement(REPLICA_KEY, "OnlyBreakGlass"),
        more(REPLICA_KEY, Effect="Allow", Resource="*", **allowed),
    )


CASE = Case(
    rule="vault-is-replicated",
    at=BUCKET,
    weak=(
        change(REPLICATION, rules__0__status="Disabled"),
        change(REPLICATION, rules__0__filter__prefix="state/"),
        change(REPLICATION, rules__0__filter={"tag": {"key": "keep", "value": "yes"}}),
        change(REPLICATION, rules__0__filter={"and": {"prefix": "", "tags": {"keep": "yes"}}}),
        change(REPLICATION, rules__0__prefix="state/"),
        change(REPLICATION, rules__0__deleteMarkerReplication__status="Enabled"),
        change(REPLICATION, rules__0__sourceSelectionCriteria__sseKmsEncryptedObjects__status="Disabled"),
        change(
            REPLICATION,
            rules__0__destination__encryptionConfiguration__replicaKmsKeyId="alias/example-vault-eu-west-1",
        ),
        change(
            REPLICATION,
            rules__0__destination__encryptionConfiguration__replicaKmsKeyId="alias/aws/s3",
        ),
        made_from(REPLICATION, rules=["backups-replica-bucket", f"{VAULT}-key"]),
        change(REPLICATION, rules__0__destination__replicationTime__status="Disabled"),
        change(REPLICATION, rules__0__destination__replicationTime__time__minutes=60),
        change(REPLICATION, rules__0__destination__bucket="arn:aws:s3:::somewhere-else"),
        # A replica in the same account, or in the same region, is none.
        change("aws-replica", region="eu-west-1"),
        change("aws-replica", allowedAccountIds='["123456789012"]'),
        # Nor is one whose key the primary vault's account administers, or that lies in that account.
        administered(Principal={"AWS": ROOT}, Action="kms:*"),
        administered(Principal={"AWS": ACCOUNT}, Action="kms:Disable*"),
        administered(Principal={"AWS": f"{ROLE}-deployer"}, Action="kms:PutKeyPolicy"),
        administered(Principal="*", Action="kms:ScheduleKeyDeletion"),
        administered(NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/x"}, Action="kms:*"),
        administered(
            Principal="*", Action="kms:*", Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}}
        ),
        both(
            statement(
                REPLICA_KEY,
                "OnlyBreakGlass",
                Condition={"ArnNotEquals": {WHO: [f"{ROLE}-break-glass", THERE]}},
            ),
            more(REPLICA_KEY, Effect="Allow", Principal={"AWS": ROOT}, Action="kms:*", Resource="*"),
        ),
        both(
            change(
                "backups-replica-encryption",
                rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId=(
                    f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
                ),
            ),
            made_from("backups-replica-encryption", rules=[]),
        ),
        # A second rule that carries delete markers over.
        both(
            change(REPLICATION, rules=[RULE, {**RULE, "deleteMarkerReplication": {"status": "Enabled"}}]),
            made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
        ),
        # A second rule that is off, or whose bucket is elsewhere, while the first leaves something out.
        both(
            change(REPLICATION, rules=[RULE, {**RULE, "status": "Disabled"}]),
            made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
        ),
        both(
            change(
                REPLICATION,
                rules=[
                    {**RULE, "filter": {"prefix": "state/"}},
                    {**RULE, "destination": {**RULE["destination"], "bucket": ARN}},
                ],
            ),
            made_from(REPLICATION, rules=["backups-replica-bucket", "backups-replica-key"]),
        ),
    ),
    absent=(
        drop(REPLICATION),
        change(REPLICATION, rules__0__status=ABSENT),
        change(REPLICATION, rules__0__deleteMarkerReplication=ABSENT),
        change(REPLICATION, rules__0__sourceSelectionCriteria=ABSENT),
        change(REPLICATION, rules__0__destination__encryptionConfiguration=ABSENT),
        change(REPLICATION, rules__0__destination__replicationTime=ABSENT),
        change(REPLICATION, rules__0__destination__replicationTime__time=ABSENT),
        change(REPLICATION, rules=ABSENT),
    ),
    unknown=(
        change(REPLICATION, rules__0__status=UNKNOWN),
        change(REPLICATION, rules__0__filter=UNKNOWN),
        change(REPLICATION, rules__0__destination__replicationTime__time__minutes=UNKNOWN),
        change("aws-replica", region=UNKNOWN),
        change("aws-replica", allowedAccountIds=UNKNOWN),
        change(REPLICA_KEY, policy=UNKNOWN),
        both(
            change("backups-replica-encryption", rules__0__applyServerSideEncryptionByDefault=UNKNOWN),
            made_from("backups-replica-encryption", rules=[]),
        ),
        made_from(REPLICATION, rules=["backups-replica-bucket"]),
    ),
    secret=(
        change(REPLICATION, rules__0__status=secret("Enabled")),
        change(REPLICATION, rules__0__filter__prefix=secret("")),
    ),
    fine=(
        # By names that are known already.
        both(
            change(
                REPLICATION,
                rules__0__destination__bucket=REPLICA_ARN,
                rules__0__destination__encryptionConfiguration__replicaKmsKeyId=(
                    "alias/example-vault-eu-north-1"
                ),
            ),
            made_from(REPLICATION, bucket=[], rules=[]),
        ),
        change(REPLICATION, rules__0__filter=ABSENT),
        # Another account may encrypt with the key, and administer what its policy then denies to it.
        more(
            REPLICA_KEY,
            Effect="Allow",
            Principal={"AWS": ROOT},
            Action=["kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
            Resource="*",
        ),
        more(REPLICA_KEY, Effect="Allow", Principal={"AWS": ROOT}, Action="kms:*", Resource="*"),
    ),
)
