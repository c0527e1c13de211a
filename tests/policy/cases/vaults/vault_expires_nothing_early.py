from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, INLINE_EXPIRIES, VAULT, as_secret, both, change, drop, second

CASE = Case(
    rule="vault-expires-nothing-early",
    at=BUCKET,
    weak=(
        *(
            change(f"{VAULT}-lifecycle", **{f"rules__{number}__expiration__days": days - 1})
            for number, days in enumerate((35, 98, 400, 98, 400, 30))
        ),
        change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=29),
        change(f"{VAULT}-lifecycle", rules__6__noncurrentVersionExpiration__noncurrentDays=29),
        change(f"{VAULT}-lifecycle", rules__6__expiration={"days": 1000}),
        # What hides copies of what is gone does so by the tag of the file backup, where files are.
        change(f"{VAULT}-lifecycle", rules__7__filter={"prefix": "files/"}),
        change(f"{VAULT}-lifecycle", rules__7__filter__and__tags={"another": "yes"}),
        change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix="database/"),
        change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix=""),
        change(f"{VAULT}-lifecycle", rules__7__filter__and__prefix=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__8__expiration={"days": 399}),
        change(f"{VAULT}-lifecycle", rules__8__noncurrentVersionExpiration={"noncurrentDays": 1}),
        change(f"{VAULT}-lifecycle", rules__8__expiration={"date": "2030-01-01"}),
        change(f"{VAULT}-lifecycle", rules__0__filter__prefix="database/"),
        change(f"{VAULT}-lifecycle", rules__0__filter__prefix=""),
        change(f"{VAULT}-lifecycle", rules__0={"status": "Enabled", "expiration": {"days": 35}}),
        # A rule that leaves something out still expires the rest.
        change(
            f"{VAULT}-lifecycle",
            rules__2__filter={"and": {"prefix": "database/monthly/", "tags": {"a": "b"}}},
            rules__2__expiration__days=5,
        ),
        change("job-database", retentionDays=401),
        change(VAULT, lockDays=31),
        change(f"{VAULT}-lock", rule__defaultRetention__days=60),
        # Without tiers, what jobs promise counts.
        both(change(VAULT, tiers=ABSENT), change("job-database", retentionDays=36)),
        second(f"{VAULT}-lifecycle", rules=[{"status": "Enabled", "expiration": {"days": 1}}]),
        both(
            drop(f"{VAULT}-lifecycle"),
            change(BUCKET, lifecycleRules=[{"enabled": True, "expiration": {"days": 1}}]),
        ),
    ),
    absent=(change("job-database", retentionDays=ABSENT),),
    unknown=(
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__0__noncurrentVersionExpiration__noncurrentDays=UNKNOWN),
        change(f"{VAULT}-lifecycle", rules__8__expiration={"date": UNKNOWN}),
        change("job-database", retentionDays=UNKNOWN),
        change(VAULT, tiers=UNKNOWN),
    ),
    secret=(
        as_secret(VAULT, "tiers"),
        as_secret("job-database", "retentionDays"),
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=secret(35)),
    ),
    fine=(
        change(f"{VAULT}-lifecycle", rules__0__expiration__days=36),
        change(f"{VAULT}-lifecycle", rules__8__status="Disabled", rules__8__expiration={"days": 1}),
        both(drop(f"{VAULT}-lifecycle"), change(BUCKET, lifecycleRules=INLINE_EXPIRIES)),
        # What never expires doesn't expire early; that it never does is another rule's business.
        drop(f"{VAULT}-lifecycle"),
    ),
)
