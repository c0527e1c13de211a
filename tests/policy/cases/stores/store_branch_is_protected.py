from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.stores import PROJECT

CASE = Case(
    rule="store-branch-is-protected",
    at=PROJECT,
    weak=(lambda s: alter(s, PROJECT, defaultBranchProtected=False),),
    absent=(lambda s: alter(s, PROJECT, defaultBranchProtected=ABSENT),),
    unknown=(lambda s: alter(s, PROJECT, defaultBranchProtected=UNKNOWN),),
    secret=(lambda s: alter(s, PROJECT, defaultBranchProtected=secret(True)),),
)
