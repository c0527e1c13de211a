from collections.abc import Sequence
from datetime import datetime, timedelta

from case import Case
from policy_harness import ABSENT, NOW, UNKNOWN, StackWithDrills, Toy, alter, find_toy, secret

from cases.stores import PROJECT
from policies.framework.drill_history import DrillHistory, StoreHistory


def _ago(hours: int, minutes: int = 0) -> datetime:
    return NOW - timedelta(hours=hours, minutes=minutes)


def _told(stack: Sequence[Toy], known: StoreHistory) -> StackWithDrills:
    return StackWithDrills(stack, DrillHistory(NOW, stores={find_toy(stack, PROJECT).urn: known}))


CASE = Case(
    rule="store-proof-is-recent",
    at=PROJECT,
    weak=(
        lambda s: _told(s, StoreHistory(_ago(99), proven=_ago(30, 1))),
        lambda s: _told(s, StoreHistory(None, proven=_ago(31))),
        lambda s: _told(s, StoreHistory(_ago(99), proven=_ago(-2))),
        # A drill is no proof of the newest backups.
        lambda s: _told(s, StoreHistory(_ago(99), passed=_ago(1))),
        lambda s: _told(
            alter(s, "example", objectives__proof_age_hours=19), StoreHistory(_ago(99), proven=_ago(20))
        ),
    ),
    absent=(
        lambda s: _told(s, StoreHistory(_ago(31), None)),
        lambda s: alter(s, "example", objectives__proof_age_hours=ABSENT),
    ),
    unknown=(
        lambda s: StackWithDrills(s, None),
        lambda s: alter(s, "example", objectives__proof_age_hours=UNKNOWN),
    ),
    secret=(lambda s: alter(s, "example", objectives__proof_age_hours=secret(30)),),
    fine=(
        lambda s: _told(s, StoreHistory(_ago(99), proven=_ago(30))),
        lambda s: _told(s, StoreHistory(_ago(30), None)),
        lambda s: _told(s, StoreHistory(None, proven=_ago(1))),
        lambda s: StackWithDrills(s, DrillHistory(NOW)),
        lambda s: StackWithDrills(s, DrillHistory(NOW, rehearsal=True)),
    ),
)
