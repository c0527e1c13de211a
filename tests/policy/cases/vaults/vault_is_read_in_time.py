from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, NAME, VAULT, add, aws, both, change, made_from

LIFECYCLE, REPLICATION = f"{VAULT}-lifecycle", "backups-replication"


def moved(storage_class: Any, kind: str = "transitions") -> Change:
    return change(LIFECYCLE, **{f"rules__0__{kind}": [{"days": 1, "storageClass": storage_class}]})


def tiering(access_tier: Any) -> Change:
    return add(
        aws(
            "s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration",
            "tiering",
            bucket=NAME,
            tierings=[{"accessTier": access_tier, "days": 90}],
        )
    )


def back(storage_class: str) -> Change:
    """Let the replica be replicated into the vault."""
    return both(
        change(
            REPLICATION,
            bucket="example-vault-210987654321-eu-north-1",
            rules__0__destination__bucket=f"arn:aws:s3:::{NAME}",
            rules__0__destination__storageClass=storage_class,
        ),
        made_from(REPLICATION, bucket=[], rules=[]),
    )


CASE = Case(
    rule="vault-is-read-in-time",
    at=BUCKET,
    weak=(
        moved("GLACIER"),
        moved("DEEP_ARCHIVE"),
        moved("DEEP_ARCHIVE", "noncurrentVersionTransitions"),
        moved("OUTPOSTS"),
        tiering("ARCHIVE_ACCESS"),
        tiering("DEEP_ARCHIVE_ACCESS"),
        back("GLACIER"),
        both(moved("GLACIER"), change("example", objectives__recovery_time_minutes=299)),
        # What promises nothing waits for nothing.
        both(moved("GLACIER"), change("example", objectives__recovery_time_minutes=ABSENT)),
        change(BUCKET, lifecycleRules=[{"transitions": [{"storageClass": "GLACIER"}]}]),
    ),
    absent=(),
    unknown=(
        moved(UNKNOWN),
        moved(UNKNOWN, "noncurrentVersionTransitions"),
        tiering(UNKNOWN),
        change(LIFECYCLE, rules__0__transitions=UNKNOWN),
    ),
    secret=(moved(secret("GLACIER_IR")),),
    fine=(
        moved("STANDARD_IA"),
        moved("GLACIER_IR", "noncurrentVersionTransitions"),
        both(moved("GLACIER"), change("example", objectives__recovery_time_minutes=300)),
        back("STANDARD_IA"),
    ),
)
