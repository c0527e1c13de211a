from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import ALL_THREE, CRON, CRON_ALERT

CASE = Case(
    rule="sentry-monitor-has-alert",
    at=CRON,
    weak=(
        lambda s: alter(s, CRON, enabled=False),
        lambda s: alter(s, CRON_ALERT, enabled=False),
        lambda s: alter(s, CRON_ALERT, monitorIds=["4711"]),
        lambda s: alter(s, CRON_ALERT, triggerConditions=[{"firstSeenEvent": {}}]),
        lambda s: alter(s, CRON_ALERT, triggerConditions=[{"regressionEvent": {}}]),
        lambda s: alter(s, CRON_ALERT, actionFilters__0__conditions=[{"level": {"level": 50}}]),
    ),
    absent=(
        lambda s: without(s, CRON_ALERT),
        lambda s: alter(s, CRON, enabled=ABSENT),
        lambda s: alter(s, CRON_ALERT, triggerConditions=ABSENT),
        lambda s: alter(s, CRON_ALERT, monitorIds=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, CRON, enabled=UNKNOWN),
        lambda s: alter(s, CRON_ALERT, monitorIds=[UNKNOWN]),
        lambda s: alter(s, CRON_ALERT, enabled=UNKNOWN),
        lambda s: alter(s, CRON_ALERT, triggerConditions=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, CRON, enabled=secret(value=True)),
        lambda s: alter(s, CRON_ALERT, triggerConditions=secret(ALL_THREE)),
    ),
    fine=(
        lambda s: [
            replace(toy, outputs={**toy.inputs, "id": "4711"}) if toy.name == CRON else toy
            for toy in alter(s, CRON_ALERT, monitorIds=["4711"])
        ],
    ),
)
