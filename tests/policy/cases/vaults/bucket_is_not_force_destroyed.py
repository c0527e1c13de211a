from case import Case
from policy_harness import ABSENT, UNKNOWN

from cases.vaults import BUCKET, as_secret, change

CASE = Case(
    rule="bucket-is-not-force-destroyed",
    at=BUCKET,
    weak=(change(BUCKET, forceDestroy=True),),
    absent=(change(BUCKET, forceDestroy=ABSENT),),
    unknown=(change(BUCKET, forceDestroy=UNKNOWN),),
    secret=(as_secret(BUCKET, "forceDestroy"),),
)
