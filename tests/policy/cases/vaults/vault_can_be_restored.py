from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import REPLICA_ARN, allow, as_object, as_secret, change, document, drop, policy

ROLE = "backups-replica-identity-replica-restorer"
LOOK = allow("s3:ListBucketVersions", REPLICA_ARN)
READ = allow(["s3:GetObject", "s3:GetObjectVersion"], f"{REPLICA_ARN}/*")
SERVICE = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}

CASE = Case(
    rule="vault-can-be-restored",
    at="backups-replica-bucket",
    weak=(
        change(f"{ROLE}-policy", policy=policy(LOOK)),
        change(f"{ROLE}-policy", policy=policy(READ)),
        change(f"{ROLE}-policy", policy=policy(LOOK, READ | {"Action": "s3:GetObject"})),
        change(f"{ROLE}-policy", policy=policy(LOOK, READ | {"Action": "s3:GetObjectVersion"})),
        change(f"{ROLE}-policy", policy=policy(LOOK, READ | {"Resource": f"{REPLICA_ARN}/database/*"})),
        change(f"{ROLE}-policy", policy=policy(LOOK, READ | {"Resource": "arn:aws:s3:::something-else/*"})),
        document(f"{ROLE}-policy", lambda said: [one.update(Effect="Deny") for one in said]),
        change(ROLE, assumeRolePolicy=policy(SERVICE)),
    ),
    absent=(drop(f"{ROLE}-policy"), change(f"{ROLE}-policy", policy=ABSENT)),
    unknown=(change(f"{ROLE}-policy", policy=UNKNOWN), change(ROLE, assumeRolePolicy=UNKNOWN)),
    secret=(as_secret(f"{ROLE}-policy", "policy"),),
    fine=(
        as_object(f"{ROLE}-policy"),
        change(f"{ROLE}-policy", policy=policy(LOOK, READ)),
        change(f"{ROLE}-policy", policy=policy(allow(["s3:Get*", "s3:List*"], f"{REPLICA_ARN}*"))),
        # One of two roles is enough: a job copies all of the other vault elsewhere.
        drop("backups-identity-backup-restorer-policy"),
    ),
)
