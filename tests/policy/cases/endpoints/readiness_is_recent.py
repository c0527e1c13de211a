from collections.abc import Sequence
from datetime import datetime, timedelta

from case import Case
from policy_harness import NOW, UNKNOWN, StackWithDrills, Toy, alter

from cases.endpoints import PLATFORM
from policies.framework.drill_history import DrillHistory, ReadinessHistory


def _ago(days: int, hours: int = 0) -> datetime:
    return NOW - timedelta(days=days, hours=hours)


def _told(
    stack: Sequence[Toy], since: datetime | None = None, passed: datetime | None = None
) -> StackWithDrills:
    return StackWithDrills(stack, DrillHistory(NOW, readiness=ReadinessHistory(since, passed)))


CASE = Case(
    rule="readiness-is-recent",
    at=PLATFORM,
    weak=(
        lambda s: _told(s, _ago(99), _ago(8, hours=1)),
        lambda s: _told(s, None, _ago(9)),
        lambda s: _told(s, _ago(99), _ago(-1)),
        lambda s: _told(alter(s, PLATFORM, environment=UNKNOWN), _ago(99), _ago(9)),
    ),
    absent=(lambda s: _told(s, _ago(8, hours=1)),),
    unknown=(
        lambda s: StackWithDrills(s, None),
        lambda s: StackWithDrills(s, DrillHistory(NOW, readiness=None)),
    ),
    fine=(
        lambda s: _told(s, _ago(99), _ago(8)),
        lambda s: _told(s, _ago(8)),
        _told,
        lambda s: _told(alter(s, PLATFORM, environment="staging"), _ago(99)),
        lambda s: StackWithDrills(s, DrillHistory(NOW, rehearsal=True)),
    ),
)
