from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, OTHER, marked

CASE = Case(
    rule="provider-is-bound-to-account",
    at="aws",
    weak=(
        lambda s: alter(s, "aws", allowedAccountIds="[]"),
        lambda s: alter(s, "aws", allowedAccountIds=f'["{ACCOUNT}", "{OTHER}"]'),
        lambda s: alter(s, "aws", allowedAccountIds='["1234"]'),
        lambda s: alter(s, "aws", allowedAccountIds=ACCOUNT),
    ),
    absent=(lambda s: alter(s, "aws", allowedAccountIds=ABSENT),),
    unknown=(
        lambda s: alter(s, "aws", allowedAccountIds=UNKNOWN),
        lambda s: alter(s, "aws", allowedAccountIds=[UNKNOWN]),
    ),
    secret=(marked("aws", "allowedAccountIds"),),
    fine=(lambda s: alter(s, "aws", allowedAccountIds=[OTHER]),),
)
