from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.errors import PROJECT

FAILURES, LATENCY, FLOOD = (
    "errors-backend-failure-rate",
    "errors-backend-latency",
    "errors-backend-frequent-alert",
)
COUNTS = "actionFilters__0__conditions"

CASE = Case(
    rule="error-project-is-measured",
    at=PROJECT,
    weak=(
        lambda s: alter(s, FAILURES, enabled=False),
        lambda s: alter(s, LATENCY, enabled=False),
        lambda s: alter(s, LATENCY, aggregate="failure_rate()"),
        lambda s: alter(s, FLOOD, enabled=False),
        lambda s: alter(s, FLOOD, **{COUNTS: []}),
        lambda s: alter(
            s,
            FLOOD,
            **{
                COUNTS: [
                    {"eventFrequencyCount": {"interval": "1h", "value": 100.0}},
                    {"level": {"match": "eq", "level": "fatal"}},
                ]
            },
        ),
    ),
    absent=(
        lambda s: without(s, FAILURES),
        lambda s: without(s, LATENCY),
        lambda s: without(s, FLOOD),
        lambda s: alter(s, FAILURES, enabled=ABSENT),
        lambda s: alter(s, FAILURES, project=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, FAILURES, aggregate=UNKNOWN),
        lambda s: alter(s, FAILURES, enabled=UNKNOWN),
    ),
    secret=(lambda s: alter(s, FAILURES, aggregate=secret("failure_rate()")),),
    fine=(
        lambda s: alter(s, LATENCY, aggregate="p99(transaction.duration)"),
        lambda s: without(s, FAILURES, "errors-frontend-failure-rate"),
    ),
)
