from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import VAULT, as_secret, change

CASE = Case(
    rule="key-outlives-a-mistake",
    at=f"{VAULT}-key",
    weak=(change(f"{VAULT}-key", deletionWindowInDays=7),),
    absent=(change(f"{VAULT}-key", deletionWindowInDays=ABSENT),),
    unknown=(change(f"{VAULT}-key", deletionWindowInDays=UNKNOWN),),
    secret=(as_secret(f"{VAULT}-key", "deletionWindowInDays"),),
)
