from typing import Any

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.oncall import POLICY, SCHEDULE, calmer, rules_of


def daily(start: str, hours: float) -> dict[str, Any]:
    return {"type": "daily_restriction", "startTimeOfDay": start, "durationSeconds": hours * 3_600}


def weekly(day: int, start: str, hours: float) -> dict[str, Any]:
    return {**daily(start, hours), "type": "weekly_restriction", "startDayOfWeek": day}


CASE = Case(
    rule="escalation-always-calls-somebody",
    at=POLICY,
    weak=(
        lambda s: alter(s, SCHEDULE, layers=[]),
        lambda s: alter(s, SCHEDULE, layers__0__users=[]),
        lambda s: alter(s, SCHEDULE, layers__0__end="2031-01-01T00:00:00Z"),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[daily("09:00:00", 8)]),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[daily("08:00:00", 12), daily("20:00:00", 11)]),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[weekly(1, "08:00:00", 167)]),
        lambda s: alter(s, POLICY, rules__0__targets=[]),
        lambda s: alter(s, POLICY, rules__1__targets=[]),
        lambda s: alter(s, POLICY, rules__0__targets__0__id="P-gone"),
        lambda s: alter(s, POLICY, rules__1__targets__0__id="somebody"),
        lambda s: alter(s, SCHEDULE, layers__0__users=["first@example.com"]),
        lambda s: alter(s, SCHEDULE, layers__0__rotationVirtualStart="2040-01-01T00:00:00Z"),
    ),
    absent=(
        lambda s: alter(s, POLICY, rules=ABSENT),
        lambda s: alter(s, POLICY, rules__0__targets=ABSENT),
        lambda s: alter(s, POLICY, rules__1__targets__0__id=ABSENT),
        lambda s: alter(s, SCHEDULE, layers=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, POLICY, rules=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers__0__users=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers__0__rotationVirtualStart=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[{**daily("09:00:00", 8), "type": UNKNOWN}]),
    ),
    secret=(lambda s: alter(s, SCHEDULE, layers__0__restrictions=secret([])),),
    fine=(
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[daily("08:00:00", 12), daily("20:00:00", 12)]),
        lambda s: alter(s, SCHEDULE, layers__0__restrictions=[weekly(3, "08:00:00", 168)]),
        lambda s: alter(
            alter(s, SCHEDULE, layers=[]),
            POLICY,
            rules__0__targets=[{"id": "P000009", "type": "user_reference"}, *rules_of(s)[0]["targets"]],
        ),
        lambda s: alter(calmer(s), SCHEDULE, layers=[]),
    ),
)
