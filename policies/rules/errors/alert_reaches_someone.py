"""A Sentry alert that notifies nobody is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import (
    ALERT,
    KEY,
    PAGERDUTY_SERVICE,
    PROJECT,
    TEAM,
    SentryProjects,
    events_per_minute,
    judge_environment,
)
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect,
    expect_value,
    in_range,
    number_parameter,
    of_type,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource

_TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "discord": ("integrationId", "channelId"),
    "msteams": ("integrationId", "channelName"),
    "opsgenie": ("integrationId", "teamId"),
    "pagerduty": ("integrationId", "serviceId"),
    "sentryApp": ("sentryAppId",),
    "slack": ("integrationId", "channelName"),
    "webhook": ("service",),
}
"""Action -> its inputs with the target. Actions that create tickets (github, jira, vsts) notify nobody."""

_KINDS: Final = frozenset({"email", *_TARGETS})

_IDS: Final = {"targetId": TEAM, "serviceId": PAGERDUTY_SERVICE}
"""Input with a target -> the type that it depends on, which decides while the input is unknown."""

_FREQUENCY: Final = number_parameter(
    "maximum_frequency_minutes",
    60,
    "for how many minutes it may keep the next failure of the same issue to itself",
    looser="higher",
)

_COUNTS: Final = ("eventFrequencyCount", "eventUniqueUserFrequencyCount")
_INTERVALS: Final = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1_440, "1w": 10_080, "30d": 43_200}
"""Sentry's name of an interval -> its minutes."""

_LONGEST_MINUTES: Final = 1_440
_SHARE: Final = 0.25
"""Of the events that keys let in: what is more is thrown away, together with other errors."""

_FALLBACKS: Final = one_of("AllMembers", "ActiveMembers")


def _judge(alert: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from expect(alert, "enabled", one_of(True), "must declare enabled true")
    yield from _check_frequency(alert, limits[_FREQUENCY.name])
    yield from judge_environment(alert, stack)
    yield from _check_counts(alert, stack)
    filters = alert.at("actionFilters").each()
    if not filters:
        yield message("it does nothing")
    for action_filter in filters:
        yield from _check_actions(action_filter.at("actions").each(), alert, stack)


def _check_frequency(alert: Resource, most: float) -> list[Message]:
    if isinstance(alert.at("frequencyMinutes"), Absent):
        return []
    problem = "keeps the next failure of an issue to itself for too long"
    return expect(alert, "frequencyMinutes", in_range(0, most), problem)


def _check_counts(alert: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield which of its conditions waits for more events than its projects' keys let in."""
    projects = [one for one in stack.dependencies(alert, "monitorIds") if one.type == PROJECT]
    keys = [key for project in projects for key in stack.view(SentryProjects).parts(project, KEY)]
    rates = [events_per_minute(key) for key in keys]
    if not rates or None in rates:
        return
    most = sum(rate for rate in rates if rate is not None)
    for action_filter in alert.at("actionFilters").each():
        for condition in action_filter.at("conditions").each():
            for kind in _COUNTS:
                value, interval = condition.at(kind, "value"), condition.at(kind, "interval")
                minutes = _INTERVALS.get(str(interval.value)) if isinstance(interval, Known) else None
                if minutes and minutes > _LONGEST_MINUTES:
                    yield message("it counts events over more than a day")
                if minutes and isinstance(value, Known):
                    if not in_range(0, most * minutes)(value.value):
                        yield message("it waits for more events than the keys of its projects let in")
                    elif value.value > _SHARE * most * minutes:
                        yield message("it waits until a flood fills the keys of its projects nearly")


def _check_actions(actions: list[PropertyValue], alert: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield that it tells nobody, or that one of those whom it names is nobody."""
    telling = [action for action in actions if any(kind in _KINDS for kind in action.items())]
    yield from accept_any(
        [_check_action(action, alert, stack) for action in actions], [message("it takes no action")]
    )
    for action in telling if len(actions) > 1 else ():
        yield from _check_action(action, alert, stack)


def _check_action(action: PropertyValue, alert: Resource, stack: PolicyStack) -> list[Message]:
    email = action.at("email")
    if not isinstance(email, Absent):
        return _check_email(email, alert, stack)
    for kind, names in _TARGETS.items():
        settings = action.at(kind)
        if not isinstance(settings, Absent):
            return [problem for name in names for problem in _check_target(settings, name, alert, stack)]
    return [message("one of its actions tells nobody")]


def _check_email(email: PropertyValue, alert: Resource, stack: PolicyStack) -> list[Message]:
    match email.at("targetType"):
        case Known("team" | "user"):
            return _check_target(email, "targetId", alert, stack)
        case Known("issue_owners"):
            problem = "mails nobody where an issue has no owner"
            return expect_value(email.at("fallthroughType"), alert, "actionFilters", _FALLBACKS, problem)
        case Unknown():
            return [unknown_value(alert, "actionFilters")]
        case _:
            return [message("one of its e-mails goes to nobody")]


def _check_target(settings: PropertyValue, name: str, alert: Resource, stack: PolicyStack) -> list[Message]:
    match settings.at(name):
        case Known(str(target)) if target.strip():
            return []
        case Unknown() if _IDS.get(name) in {
            dependency.type for dependency in stack.dependencies(alert, "actionFilters")
        }:
            return []
        case Unknown():
            return [unknown_value(alert, "actionFilters")]
        case _:
            return [message("one of its actions does not say whom to tell")]


RULE: Final = Rule(
    id="alert-reaches-someone",
    title="Every Sentry alert is enabled, names whom it tells, and waits for what can happen",
    violated="tells nobody",
    severity=Severity.HIGH,
    risk="Sentry sees the error, the missed backup or the outage, and keeps it to itself.",
    fix=(
        "Declare the alert enabled, and in each of its actionFilters an action with its target: a team's or "
        "user's e-mail, a Slack channel, a PagerDuty service. Let it wait for no more events than can come."
    ),
    controls=(Control.SOC_CC7_3, Control.SOC_CC7_4, Control.ISO_A_5_26, Control.NIST_IR_4, Control.CIS_17_2),
    subjects=of_type(ALERT),
    judge=_judge,
    parameters=(_FREQUENCY,),
)
