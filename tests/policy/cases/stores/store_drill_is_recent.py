from collections.abc import Sequence
from datetime import datetime, timedelta

from case import Case
from policy_harness import NOW, StackWithDrills, Toy, find_toy

from cases.stores import PROJECT
from policies.framework.drill_history import DrillHistory, StoreHistory


def _ago(days: int, hours: int = 0) -> datetime:
    return NOW - timedelta(days=days, hours=hours)


def _told(stack: Sequence[Toy], known: StoreHistory) -> StackWithDrills:
    return StackWithDrills(stack, DrillHistory(NOW, stores={find_toy(stack, PROJECT).urn: known}))


CASE = Case(
    rule="store-drill-is-recent",
    at=PROJECT,
    weak=(
        lambda s: _told(s, StoreHistory(_ago(99), _ago(15, hours=1))),
        lambda s: _told(s, StoreHistory(_ago(15, hours=1), None)),
        lambda s: _told(s, StoreHistory(None, _ago(16))),
        lambda s: _told(s, StoreHistory(_ago(99), _ago(-1))),
    ),
    absent=(lambda s: _told(s, StoreHistory(_ago(99), None)),),
    unknown=(lambda s: StackWithDrills(s, None),),
    fine=(
        lambda s: _told(s, StoreHistory(_ago(99), _ago(15))),
        lambda s: _told(s, StoreHistory(_ago(15), None)),
        lambda s: _told(s, StoreHistory(None, _ago(1))),
        lambda s: StackWithDrills(s, DrillHistory(NOW)),
        lambda s: StackWithDrills(s, DrillHistory(NOW, rehearsal=True)),
    ),
)
