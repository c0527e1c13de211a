from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import ARN, BUCKET, REPLICA_ARN, VAULT, both, change, drop, inputs_of, made_from

REPLICATION = "backups-replication"
RULE = inputs_of(REPLICATION)["rules"][0]

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
        # A replica in the same account and region is none.
        change("aws-replica", region="eu-west-1"),
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
        # Another account will do instead of another region.
        change("aws-replica", region="eu-west-1", allowedAccountIds='["210987654321"]'),
    ),
)
