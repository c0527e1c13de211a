from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter, find_toy, secret

from cases.identity import ACCOUNT, document

DOCUMENT, KEY = "backups-documents-copier", "backups-documents-key"
READS = "secretsmanager:GetSecretValue"
OWN_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"


def replicated(**key: object) -> Change:
    return lambda stack: alter(stack, DOCUMENT, replicas=[{"region": "us-east-1", **key}])


CASE = Case(
    rule="job-document-is-guarded",
    at=DOCUMENT,
    weak=(
        lambda s: alter(s, DOCUMENT, kmsKeyId="alias/aws/secretsmanager"),
        lambda s: alter(s, DOCUMENT, kmsKeyId=f"arn:aws:kms:eu-west-1:999999999999:key/{'0' * 8}"),
        replicated(),
        replicated(kmsKeyId="alias/aws/secretsmanager"),
        lambda s: alter(s, DOCUMENT, recoveryWindowInDays=0.0),
        lambda s: alter(s, DOCUMENT, forceOverwriteReplicaSecret=True),
        lambda s: alter(s, DOCUMENT, policy=document({"Action": READS, "Resource": "*", "Principal": "*"})),
        lambda s: alter(s, KEY, isEnabled=False),
        lambda s: alter(s, KEY, keyUsage="SIGN_VERIFY"),
    ),
    absent=(
        lambda s: alter(s, DOCUMENT, kmsKeyId=ABSENT),
        lambda s: alter(s, DOCUMENT, policy=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, DOCUMENT, kmsKeyId=UNKNOWN),
        lambda s: alter(s, DOCUMENT, recoveryWindowInDays=UNKNOWN),
        lambda s: alter(s, DOCUMENT, policy=UNKNOWN),
        replicated(kmsKeyId=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, DOCUMENT, recoveryWindowInDays=secret(30.0)),
        lambda s: alter(s, DOCUMENT, policy=secret(find_toy(s, DOCUMENT).inputs["policy"])),
    ),
    fine=(
        lambda s: alter(s, DOCUMENT, recoveryWindowInDays=ABSENT),
        lambda s: alter(s, DOCUMENT, recoveryWindowInDays=7.0),
        replicated(kmsKeyId=OWN_KEY),
    ),
)
