from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import ALL_THREE, NEW, PROJECT, REGRESSED

CASE = Case(
    rule="error-project-has-alerts",
    at=PROJECT,
    weak=(
        lambda s: alter(s, NEW, enabled=False),
        lambda s: alter(s, REGRESSED, enabled=False),
        lambda s: alter(s, NEW, triggerConditions=[]),
        lambda s: alter(s, REGRESSED, triggerConditions=[{"reappearedEvent": {}}]),
        lambda s: alter(s, NEW, actionFilters__0__conditions=[{"level": {"level": 50}}]),
        lambda s: alter(s, NEW, monitorIds=["4711"]),
    ),
    absent=(
        lambda s: without(s, NEW),
        lambda s: without(s, REGRESSED),
        lambda s: alter(s, NEW, enabled=ABSENT),
        lambda s: alter(s, NEW, triggerConditions=ABSENT),
        lambda s: alter(s, NEW, actionFilters=ABSENT),
        lambda s: alter(s, NEW, monitorIds=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, NEW, enabled=UNKNOWN),
        lambda s: alter(s, NEW, triggerConditions=UNKNOWN),
        lambda s: alter(s, NEW, triggerConditions=[UNKNOWN]),
        lambda s: alter(s, NEW, actionFilters__0__conditions=UNKNOWN),
        lambda s: alter(s, NEW, monitorIds=[UNKNOWN]),
    ),
    secret=(
        lambda s: alter(s, NEW, enabled=secret(value=True)),
        lambda s: alter(s, NEW, triggerConditions=secret([{"firstSeenEvent": {}}])),
    ),
    fine=(
        lambda s: without(alter(s, NEW, triggerConditions=ALL_THREE), REGRESSED),
        lambda s: alter(s, NEW, actionFilters__0__conditions=ABSENT),
    ),
)
