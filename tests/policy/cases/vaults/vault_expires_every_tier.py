from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, EXPIRIES, INLINE_EXPIRIES, VAULT, as_secret, both, change, drop

DAILY, FILES, HIDING, CLEAN_UP = 0, 6, 7, 8  # the places of lifecycle rules

CASE = Case(
    rule="vault-expires-every-tier",
    at=BUCKET,
    weak=(
        *(
            change(f"{VAULT}-lifecycle", **{f"rules__{number}__status": "Disabled"})
            for number in range(len(EXPIRIES))
        ),
        *(
            change(f"{VAULT}-lifecycle", **{f"rules__{number}__filter__prefix": "elsewhere/"})
            for number in range(HIDING)
        ),
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=36),
        change(f"{VAULT}-lifecycle", rules__0__filter__tag={"key": "old", "value": "yes"}),
        change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=36),
        change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration__noncurrentDays=31),
        change(VAULT, tiers__new=10),
    ),
    absent=(
        drop(f"{VAULT}-lifecycle"),
        change(f"{VAULT}-lifecycle", rules=ABSENT),
        change(f"{VAULT}-lifecycle", rules__0__status=ABSENT),
        change(f"{VAULT}-lifecycle", rules__0__expiration=ABSENT),
        change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration=ABSENT),
        change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration=ABSENT),
        # Of whoever promises no tiers, earlier versions must expire in the whole bucket.
        change(VAULT, tiers=ABSENT),
    ),
    unknown=(
        change(f"{VAULT}-lifecycle", rules__0__status=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration=UNKNOWN),
        both(
            change(VAULT, tiers=UNKNOWN),
            change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 30}),
        ),
    ),
    secret=(
        as_secret(VAULT, "tiers"),
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=secret(35)),
    ),
    fine=(
        change(f"{VAULT}-lifecycle", rules__0__filter={"and": {"prefix": "database/daily/"}}),
        both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
        both(
            change(VAULT, tiers=ABSENT),
            change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 30}),
        ),
    ),
)
