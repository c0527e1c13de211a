"""On-call at PagerDuty: whom an escalation policy calls, when, and whether always somebody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import accept_any
from policies.framework.stack import PolicyStack, Resource

POLICY: Final = "pagerduty:index/escalationPolicy:EscalationPolicy"
SERVICE: Final = "pagerduty:index/service:Service"
SCHEDULE: Final = "pagerduty:index/schedule:Schedule"
_COMPONENT: Final = "bulwark:index:OnCall"
_URGENT: Final = "sev1"

_CLOCK: Final = re.compile(r"(\d\d):(\d\d):(\d\d)")
_DAY_SECONDS: Final = 24 * 60 * 60
_WEEK_SECONDS: Final = 7 * _DAY_SECONDS
_FIRST_DAY: Final = timedelta(days=1)
_USER_ID: Final = re.compile(r"[PQ][A-Z0-9]{6,13}")
"""How PagerDuty names its users."""


def list_urgent_policies(stack: PolicyStack) -> list[Resource]:
    """
    Return the escalation policies that the first incident level reaches.

    A component says which those are; where none does, or not of a policy, it counts as one of them.
    """
    known = stack.view(_find_urgency)
    return [policy for policy in stack.of_type(POLICY) if _is_urgent(policy.at("name"), known)]


def lacks_urgent_policy(stack: PolicyStack) -> bool:
    """Tell whether on-call is declared without a policy of the first level, or one that it promises."""
    if stack.of_type(POLICY) and not list_urgent_policies(stack):
        return True
    promised = {name for name, is_urgent in stack.view(_find_urgency).items() if is_urgent}
    names = [policy.at("name") for policy in stack.of_type(POLICY)]
    declared = {str(name.value) for name in names if isinstance(name, Known)}
    return Unknown() not in names and not promised <= declared


def _find_urgency(stack: PolicyStack) -> dict[str, bool]:
    """Return the name of each escalation policy that a component tells of -> whether it is an urgent one."""
    return {
        name: any(level in (Known(_URGENT), Unknown()) for level in levels.each())
        for component in stack.of_type(_COMPONENT)
        for name, levels in component.at("severities").items().items()
    }


def _is_urgent(name: PropertyValue, known: dict[str, bool]) -> bool:
    return known.get(name.value, True) if isinstance(name, Known) and isinstance(name.value, str) else True


def list_urgent_services(stack: PolicyStack) -> list[Resource]:
    """Return the services that escalate by a policy of the first incident level, or by one of no program."""
    urgent = set(list_urgent_policies(stack))
    services: list[Resource] = []
    for service in stack.of_type(SERVICE):
        policies = {one for one in stack.dependencies(service, "escalationPolicy") if one.type == POLICY}
        policies |= {one for one in stack.of_type(POLICY) if _has_id(one, service.at("escalationPolicy"))}
        if not policies or policies & urgent:
            services.append(service)
    return services


def _has_id(resource: Resource, identifier: PropertyValue) -> bool:
    return isinstance(identifier, Known) and resource.output("id") == identifier


class UndecidedError(Exception):
    """Whom a level calls is not known."""


@dataclass(frozen=True)
class Group:
    """A target of a level: a user, or a schedule with everybody who is ever on call by it."""

    name: str
    """The id of a user, or the URN of a schedule."""

    people: frozenset[str]


@dataclass(frozen=True)
class DutyLevel:
    """A level of an escalation policy."""

    policy: Resource
    stack: PolicyStack
    rule: PropertyValue

    @property
    def delay(self) -> PropertyValue:
        """Minutes until the next level is called."""
        return self.rule.at("escalationDelayInMinutes")

    def people(self) -> frozenset[Group]:
        """
        Return whom its targets call: users, and schedules with everybody in their layers.

        Raises:
            UndecidedError: one of them is not known.
        """
        found: set[Group] = set()
        for target in self.rule.at("targets").each():
            match target.at("type"), target.at("id"):
                case Known("user_reference") | Absent(), Known(str(user)):
                    found.add(Group(user, frozenset((user,))))
                case Known("schedule_reference"), _ if schedules := self._schedules(target):
                    found |= {Group(one.urn, _people_of(one)) for one in schedules}
                case _:
                    raise UndecidedError
        return frozenset(found)

    def find_gaps(self) -> list[Message]:
        """Return why there is a time at which it calls nobody; nothing if somebody is called always."""
        return accept_any(
            [self._find_gaps_of(target) for target in self.rule.at("targets").each()],
            [message("a level has no target")],
        )

    def _find_gaps_of(self, target: PropertyValue) -> list[Message]:
        match target.at("type"), target.at("id"):
            case _, Absent():
                return [message("one of its targets is nobody")]
            case Known("user_reference") | Absent(), user:
                return [] if _may_be_user(user) else [message("it calls a user that there can't be")]
            case Known("schedule_reference"), identifier:
                if schedules := self._schedules(target):
                    return [problem for one in schedules for problem in _find_gaps_of(one, self.stack)]
                if isinstance(identifier, Known):
                    return [message("it calls a schedule that this stack does not declare")]
                return [unknown_value(self.policy, "rules")]
            case _:
                return [unknown_value(self.policy, "rules")]

    def find_long_turns(self, most: timedelta) -> list[Message]:
        """Return which of its schedules leave somebody on call for longer, though others are in the layer."""
        return [
            message("{schedule} leaves one person on call for too long", schedule=schedule)
            for target in self.rule.at("targets").each()
            for schedule in self._schedules(target)
            if any(_has_long_turns(layer, most) for layer in schedule.at("layers").each())
        ]

    def _schedules(self, target: PropertyValue) -> list[Resource]:
        """Return the schedules that a target may be: before the first deployment, all that it depends on."""
        known = [one for one in self.stack.of_type(SCHEDULE) if _has_id(one, target.at("id"))]
        if known or not isinstance(target.at("id"), Unknown):
            return known
        return [one for one in self.stack.dependencies(self.policy, "rules") if one.type == SCHEDULE]


def list_levels(policy: Resource, stack: PolicyStack) -> list[DutyLevel]:
    """Return the levels of an escalation policy in the order in which they are called."""
    return [DutyLevel(policy, stack, rule) for rule in policy.at("rules").each()]


def calls_others(first: DutyLevel, later: DutyLevel) -> bool:
    """
    Tell whether a level never calls somebody whom an earlier level may have called.

    Of schedules whose ids are not known yet, each level has another one.

    Raises:
        UndecidedError: one of the people is not known.
    """
    before, after = first.people(), later.people()
    known = {group for group in before | after if group.name in group.people}
    several = len((before | after) - known) > 1
    return bool(after) and not any(
        one.people & other.people
        for one in before
        for other in after
        if not (several and one == other and one not in known)
    )


def _may_be_user(identifier: PropertyValue) -> bool:
    return not isinstance(identifier, Known) or bool(_USER_ID.fullmatch(str(identifier.value)))


def _has_long_turns(layer: PropertyValue, most: timedelta) -> bool:
    match layer.at("rotationTurnLengthSeconds"):
        case Known(float(seconds)):
            return len(layer.at("users").each()) > 1 and seconds > most.total_seconds()
        case _:
            return False


def _people_of(schedule: Resource) -> frozenset[str]:
    people: set[str] = set()
    for layer in schedule.at("layers").each():
        for user in layer.at("users").each():
            if not isinstance(user, Known):
                raise UndecidedError
            people.add(str(user.value))
    return frozenset(people)


def _find_gaps_of(schedule: Resource, stack: PolicyStack) -> list[Message]:
    """
    Return why a schedule has a time of the week with nobody.

    Of its layers those count that have begun, and do not end.
    """
    covered: list[tuple[float, float]] = []
    undecided = False
    for layer in schedule.at("layers").each():
        spans = _list_spans(layer, stack)
        undecided |= spans is None
        covered += spans or []
    if _is_whole_week(covered):
        return []
    if undecided:
        return [unknown_value(schedule, "layers")]
    return [message("{schedule} has a time of the week with nobody on call", schedule=schedule)]


def _has_begun(start: PropertyValue, stack: PolicyStack) -> bool:
    """Tell whether a layer or its rotation has begun, or does so on the day of its first deployment."""
    if not isinstance(start, Known):
        return isinstance(start, Absent)
    try:
        begins = datetime.fromisoformat(str(start.value))
    except ValueError:
        return False
    now = stack.drill_history.now if stack.drill_history else datetime.now(UTC)
    return (begins if begins.tzinfo else begins.replace(tzinfo=UTC)) <= now + _FIRST_DAY


def _is_in_force(layer: PropertyValue, stack: PolicyStack) -> bool:
    """Tell whether a layer calls people that there can be, now and for ever."""
    begun = all(_has_begun(layer.at(name), stack) for name in ("start", "rotationVirtualStart"))
    people = [user for user in layer.at("users").each() if _may_be_user(user)]
    return bool(people) and begun and isinstance(layer.at("end"), Absent)


def _list_spans(layer: PropertyValue, stack: PolicyStack) -> list[tuple[float, float]] | None:
    """Return the spans of the week in which a layer has somebody, in seconds; None if they are not known."""
    if isinstance(layer, Unknown) or Unknown() in (
        layer.at("users"),
        layer.at("restrictions"),
        layer.at("end"),
        layer.at("start"),
        layer.at("rotationVirtualStart"),
    ):
        return None
    if not _is_in_force(layer, stack):
        return []
    restrictions = layer.at("restrictions").each()
    if not restrictions:
        return [(0, _WEEK_SECONDS)]
    spans: list[tuple[float, float]] = []
    for restriction in restrictions:
        start, length = restriction.at("startTimeOfDay"), restriction.at("durationSeconds")
        match restriction.at("type"), start, length:
            case Known("daily_restriction"), Known(str(clock)), Known(float(seconds)):
                days = range(7)
            case Known("weekly_restriction"), Known(str(clock)), Known(float(seconds)):
                day = restriction.at("startDayOfWeek")
                if not isinstance(day, Known) or not isinstance(day.value, float):
                    return None
                days = [int(day.value) - 1]
            case _:
                return None
        if not (time_of_day := _CLOCK.fullmatch(clock)):
            return None
        hours, minutes, second = map(int, time_of_day.groups())
        begins = (hours * 60 + minutes) * 60 + second
        spans += [span for day in days for span in _wrap(day * _DAY_SECONDS + begins, seconds)]
    return spans


def _wrap(start: float, length: float) -> Iterator[tuple[float, float]]:
    """Yield a span within the week, and what goes on past its end at its beginning."""
    yield start, min(start + length, _WEEK_SECONDS)
    if start + length > _WEEK_SECONDS:
        yield 0, start + length - _WEEK_SECONDS


def _is_whole_week(spans: list[tuple[float, float]]) -> bool:
    reached = 0.0
    for start, end in sorted(spans):
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= _WEEK_SECONDS
