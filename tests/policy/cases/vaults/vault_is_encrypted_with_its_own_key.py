from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, VAULT, both, change, drop, inputs_of, made_from, second

CASE = Case(
    rule="vault-is-encrypted-with-its-own-key",
    at=BUCKET,
    weak=(
        change(
            f"{VAULT}-encryption",
            rules__0__applyServerSideEncryptionByDefault__sseAlgorithm="AES256",
        ),
        change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=False),
        change(
            f"{VAULT}-encryption",
            rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId="alias/aws/s3",
        ),
        made_from(f"{VAULT}-encryption", rules=["backups-replica-key"]),
        second(f"{VAULT}-encryption", rules=[]),
        second(
            f"{VAULT}-encryption",
            rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        ),
    ),
    absent=(
        drop(f"{VAULT}-encryption"),
        change(f"{VAULT}-encryption", rules=ABSENT),
        change(f"{VAULT}-encryption", rules__0__applyServerSideEncryptionByDefault=ABSENT),
        change(
            f"{VAULT}-encryption",
            rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId=ABSENT,
        ),
        change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=ABSENT),
    ),
    unknown=(
        made_from(f"{VAULT}-encryption", rules=[]),
        change(f"{VAULT}-encryption", rules__0__applyServerSideEncryptionByDefault__sseAlgorithm=UNKNOWN),
        change(f"{VAULT}-encryption", rules__0__bucketKeyEnabled=UNKNOWN),
    ),
    secret=(
        change(
            f"{VAULT}-encryption",
            rules__0__applyServerSideEncryptionByDefault__sseAlgorithm=secret("aws:kms"),
        ),
    ),
    fine=(
        # An alias of the vault's key, by its name or made from it.
        change(
            f"{VAULT}-encryption",
            rules__0__applyServerSideEncryptionByDefault__kmsMasterKeyId="alias/example-vault-eu-west-1",
        ),
        made_from(f"{VAULT}-encryption", rules=[f"{VAULT}-key-alias"]),
        both(
            drop(f"{VAULT}-encryption"),
            change(
                BUCKET,
                serverSideEncryptionConfiguration={"rule": inputs_of(f"{VAULT}-encryption")["rules"][0]},
            ),
            made_from(BUCKET, serverSideEncryptionConfiguration=[f"{VAULT}-key"]),
        ),
    ),
)
