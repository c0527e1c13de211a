from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import VAULT, add, as_secret, aws, change

CASE = Case(
    rule="key-rotates",
    at=f"{VAULT}-key",
    weak=(
        change(f"{VAULT}-key", enableKeyRotation=False),
        change(f"{VAULT}-key", rotationPeriodInDays=366),
        change(f"{VAULT}-key", rotationPeriodInDays=True),
    ),
    absent=(
        change(f"{VAULT}-key", enableKeyRotation=ABSENT),
        change(f"{VAULT}-key", rotationPeriodInDays=ABSENT),
    ),
    unknown=(
        change(f"{VAULT}-key", enableKeyRotation=UNKNOWN),
        change(f"{VAULT}-key", rotationPeriodInDays=UNKNOWN),
    ),
    secret=(as_secret(f"{VAULT}-key", "enableKeyRotation", "rotationPeriodInDays"),),
    fine=(
        change(f"{VAULT}-key", rotationPeriodInDays=90),
        # Keys that sign can't rotate by themselves.
        add(aws("kms/key:Key", "signs", customerMasterKeySpec="RSA_2048")),
    ),
)
