from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, INLINE_EXPIRIES, VAULT, both, change, drop

CASE = Case(
    rule="bucket-cleans-up-aborted-uploads",
    at=BUCKET,
    weak=(
        change(f"{VAULT}-lifecycle", rules__8__status="Disabled"),
        change(f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=8),
        change(f"{VAULT}-lifecycle", rules__8__filter__prefix="state/"),
        change(f"{VAULT}-lifecycle", rules__8__filter__objectSizeGreaterThan=5),
    ),
    absent=(
        drop(f"{VAULT}-lifecycle"),
        change(f"{VAULT}-lifecycle", rules=ABSENT),
        change(f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload=ABSENT),
    ),
    unknown=(
        change(f"{VAULT}-lifecycle", rules__8__status=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=UNKNOWN),
    ),
    secret=(
        change(
            f"{VAULT}-lifecycle",
            rules__8__abortIncompleteMultipartUpload__daysAfterInitiation=secret(7),
        ),
    ),
    fine=(
        change(f"{VAULT}-lifecycle", rules__8__filter=ABSENT),
        both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
    ),
)
