"""Who is on call: the rotation of a schedule's layers, and the people of an escalation level."""

from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from twin.vendor.store import Attributes, VendorStore

_WEEK: Final = timedelta(days=7)


def find_on_call(schedule: Attributes, at: datetime) -> str | None:
    """Return the user who is on call by a schedule; a later layer goes before an earlier one."""
    zone = ZoneInfo(schedule["timeZone"])
    for layer in reversed(schedule["layers"]):
        if user := _find_user(layer, at, zone):
            return user
    return None


def list_people(store: VendorStore, rule: Attributes, at: datetime) -> list[str]:
    """Return the users whom a rule of an escalation policy calls, each once, in its order."""
    people: list[str] = []
    for target in rule["targets"]:
        if target["type"] == "user_reference":
            people.append(target["id"])
        elif (schedule := store.get("pagerduty", "schedule", target["id"])) and (
            user := find_on_call(schedule, at)
        ):
            people.append(user)
    return [user for user in dict.fromkeys(people) if store.get("pagerduty", "user", user)]


def _find_user(layer: Attributes, at: datetime, zone: ZoneInfo) -> str | None:
    starts, ends = _parse(layer["start"]), layer.get("end")
    if at < starts or (ends and at >= _parse(ends)) or not layer["users"]:
        return None
    restrictions: list[Attributes] = layer.get("restrictions") or []
    if restrictions and not any(_admits(one, at.astimezone(zone)) for one in restrictions):
        return None
    # By the clock on the wall: a handover stays at its hour when summer time begins.
    virtual = _parse(layer["rotationVirtualStart"]).astimezone(zone).replace(tzinfo=None)
    passed = at.astimezone(zone).replace(tzinfo=None) - virtual
    turn = int(passed.total_seconds() // layer["rotationTurnLengthSeconds"])
    return layer["users"][turn % len(layer["users"])]


def _admits(restriction: Attributes, local: datetime) -> bool:
    """Tell whether a local time is within a restriction, which may go on past midnight or Sunday."""
    begins = time.fromisoformat(restriction["startTimeOfDay"])
    is_weekly = restriction["type"] == "weekly_restriction"
    day = local.date()
    if is_weekly:
        day -= timedelta(days=(local.isoweekday() - restriction["startDayOfWeek"]) % 7)
    latest = datetime.combine(day, begins, local.tzinfo)
    if latest > local:
        latest -= _WEEK if is_weekly else timedelta(days=1)
    return local - latest < timedelta(seconds=restriction["durationSeconds"])


def _parse(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
