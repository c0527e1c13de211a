from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.stores import PROJECT

_PLAN = "database"

CASE = Case(
    rule="store-history-fits-plan",
    at=PROJECT,
    weak=(
        lambda s: alter(s, PROJECT, historyRetentionSeconds=604_801),
        lambda s: alter(s, _PLAN, plan="free"),
        lambda s: alter(s, _PLAN, plan="whatever"),
    ),
    absent=(
        lambda s: alter(s, PROJECT, historyRetentionSeconds=ABSENT),
        lambda s: alter(alter(s, _PLAN, plan=ABSENT), PROJECT, historyRetentionSeconds=2_592_000),
    ),
    unknown=(
        lambda s: alter(s, PROJECT, historyRetentionSeconds=UNKNOWN),
        lambda s: alter(s, _PLAN, plan=UNKNOWN),
    ),
    secret=(lambda s: alter(s, _PLAN, plan=secret("launch")),),
    fine=(
        lambda s: alter(alter(s, _PLAN, plan="scale"), PROJECT, historyRetentionSeconds=2_592_000),
        lambda s: alter(s, _PLAN, plan=ABSENT),
    ),
)
