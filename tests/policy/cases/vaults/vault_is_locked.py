from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, VAULT, both, change, drop, second

CASE = Case(
    rule="vault-is-locked",
    at=BUCKET,
    weak=(
        change(BUCKET, objectLockEnabled=False),
        change(f"{VAULT}-lock", rule__defaultRetention__mode="GOVERNANCE"),
        change(f"{VAULT}-lock", rule__defaultRetention__days=29),
        change(f"{VAULT}-lock", rule__defaultRetention__days="30"),
        change(f"{VAULT}-lock", rule__defaultRetention={"mode": "COMPLIANCE", "years": 0}),
        second(f"{VAULT}-lock", rule={"defaultRetention": {"mode": "COMPLIANCE", "days": 1}}),
    ),
    absent=(
        drop(f"{VAULT}-lock"),
        change(BUCKET, objectLockEnabled=ABSENT),
        change(f"{VAULT}-lock", rule=ABSENT),
        change(f"{VAULT}-lock", rule__defaultRetention__mode=ABSENT),
        change(f"{VAULT}-lock", rule__defaultRetention__days=ABSENT),
    ),
    unknown=(
        change(BUCKET, objectLockEnabled=UNKNOWN),
        change(f"{VAULT}-lock", rule__defaultRetention__mode=UNKNOWN),
        change(f"{VAULT}-lock", rule__defaultRetention__days=UNKNOWN),
        change(f"{VAULT}-lock", rule=UNKNOWN),
    ),
    secret=(
        change(f"{VAULT}-lock", rule__defaultRetention__mode=secret("COMPLIANCE")),
        change(f"{VAULT}-lock", rule__defaultRetention__days=secret(30)),
    ),
    fine=(
        change(f"{VAULT}-lock", rule__defaultRetention={"mode": "COMPLIANCE", "years": 1}),
        both(
            drop(f"{VAULT}-lock"),
            change(
                BUCKET,
                objectLockConfiguration={"rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}},
            ),
        ),
    ),
)
