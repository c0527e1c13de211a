"""A Sentry monitor without an alert on its failures is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import CRON_MONITOR
from policies.facts.sentry import (
    KEY,
    METRIC_MONITOR,
    PROJECT,
    UPTIME_MONITOR,
    SentryAlerts,
    SentryProjects,
    events_per_minute,
    judge_environment,
)
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter, of_type, one_of
from policies.framework.stack import PolicyStack, Resource

_SHARES: Final = ("failure_rate(", "crash_rate(")
_WHOLE: Final = frozenset(
    {"is_transaction:true", "event.type:error", "event.type:default", "event.type:transaction"}
)
"""Terms of a query that say what is counted, and leave nothing of it out."""

_DURATION: Final = "(transaction.duration)"
_BEST_CASES: Final = ("avg(", "min(", "p0(", "p1(", "p5(", "p10(", "p25(", "p50(")
_COUNTS: Final = ("count(", "epm(", "failure_count(", "tpm(")
_OF_REQUESTS: Final = frozenset({"trace_item_span", "transaction"})
_ALMOST: Final = 0.25
"""Of all requests; a service of which a quarter fails is down for many."""

_ABOVE: Final = (Known("gt"), Known("gte"), Unknown())

_WINDOW: Final = number_parameter(
    "maximum_window_minutes", 60, "over how many minutes a measure may be taken", looser="higher"
)
_LATENCY: Final = number_parameter(
    "maximum_milliseconds", 30_000, "which duration counts as slow at the latest", looser="higher"
)


def _judge(monitor: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from expect(monitor, "enabled", one_of(True), "must declare enabled true")
    yield from judge_environment(monitor, stack)
    if monitor.type == METRIC_MONITOR:
        yield from _check_thresholds(monitor, limits)
        yield from _check_conditions(monitor, stack)
        yield from _check_query(monitor, stack)
    yield from stack.view(SentryAlerts).check_alerts(monitor)


def _check_query(monitor: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield that it measures a part, and nothing measures the whole in the same way."""
    query = monitor.at("query")
    if isinstance(query, Unknown):
        yield unknown_value(monitor, "query")
    elif _narrows(monitor) and not any(
        other.at("aggregate") == monitor.at("aggregate")
        and _same_project(other, monitor, stack)
        and not _narrows(other)
        and other.at("enabled") == Known(value=True)
        for other in stack.of_type(METRIC_MONITOR)
    ):
        yield message("{monitor} measures a part, and nothing measures the whole", monitor=monitor)


def _narrows(monitor: Resource) -> bool:
    query = monitor.at("query")
    terms = str(query.value).split() if isinstance(query, Known) else []
    return any(term.lower() not in _WHOLE for term in terms)


def _same_project(left: Resource, right: Resource, stack: PolicyStack) -> bool:
    projects = stack.dependencies(left, "project"), stack.dependencies(right, "project")
    if any(projects):
        return set(projects[0]) == set(projects[1])
    return left.at("project") == right.at("project")


def _check_thresholds(monitor: Resource, limits: Parameters) -> Iterator[Message]:
    if not isinstance(aggregate := monitor.at("aggregate"), Known):
        return
    named = str(aggregate.value)
    shares, lasting = named.startswith(_SHARES), named.endswith(_DURATION)
    conditions = monitor.at("conditionGroup", "conditions").each()
    if conditions and all(condition.at("conditionResult") == Known(0.0) for condition in conditions):
        yield message("{monitor} calls everything well", monitor=monitor)
    window = monitor.at("timeWindowSeconds")
    if not isinstance(window, Absent):
        most = limits[_WINDOW.name] * 60
        yield from expect(monitor, "timeWindowSeconds", in_range(0, most), "averages for too long")
    if lasting and named.startswith(_BEST_CASES):
        yield message("{monitor} measures the fastest requests only", monitor=monitor)
    for condition in conditions:
        above, comparison = condition.at("type") == Known("gt"), condition.at("comparison")
        slow = limits[_LATENCY.name]
        if above and lasting and isinstance(comparison, Known) and not in_range(0, slow)(comparison.value):
            yield message("{monitor} waits for requests that nobody waits for", monitor=monitor)
        if isinstance(comparison, Unknown):
            yield unknown_value(monitor, "conditionGroup.conditions.comparison")
        elif (
            shares and above and isinstance(comparison, Known) and not in_range(0, _ALMOST)(comparison.value)
        ):
            yield message("{monitor} waits for a share that is never reached", monitor=monitor)


def _check_conditions(monitor: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield why no measure of what it counts is ever too high: it needs a limit that can be passed."""
    kind, named = monitor.at("issueDetection", "type"), monitor.at("aggregate")
    conditions = monitor.at("conditionGroup", "conditions")
    if isinstance(conditions, Unknown):
        yield unknown_value(monitor, "conditionGroup.conditions")
    elif kind in (Absent(), Known("static")):
        alarming = [one for one in conditions.each() if one.at("conditionResult") != Known(0.0)]
        if not alarming:
            yield message("{monitor} has no limit that alarms", monitor=monitor)
        worse = isinstance(named, Known) and str(named.value).startswith(("failure_rate(", *_COUNTS))
        if worse and not any(one.at("type") in _ABOVE for one in alarming):
            yield message("{monitor} alarms where failures are few", monitor=monitor)
        yield from _check_counts(monitor, alarming, stack)
    elif monitor.at("issueDetection", "thresholdType") == Known("below"):
        yield message("{monitor} alarms where failures are few", monitor=monitor)
    kinds = [one.value for one in monitor.at("eventTypes").each() if isinstance(one, Known)]
    of_requests = isinstance(named, Known) and (
        str(named.value).startswith(_SHARES[:1]) or str(named.value).endswith(_DURATION)
    )
    if kinds and of_requests and not _OF_REQUESTS.intersection(map(str, kinds)):
        yield message("{monitor} measures requests in what are none (eventTypes)", monitor=monitor)


def _check_counts(
    monitor: Resource, conditions: list[PropertyValue], stack: PolicyStack
) -> Iterator[Message]:
    """Yield that it waits for more events than the keys of its project let in."""
    named, window = monitor.at("aggregate"), monitor.at("timeWindowSeconds")
    projects = [one for one in stack.dependencies(monitor, "project") if one.type == PROJECT]
    keys = [key for project in projects for key in stack.view(SentryProjects).parts(project, KEY)]
    rates = [rate for key in keys if (rate := events_per_minute(key)) is not None]
    if not rates or len(rates) < len(keys) or not isinstance(named, Known):
        return
    if not str(named.value).startswith(_COUNTS):
        return
    minutes = window.value / 60 if isinstance(window, Known) and in_range(1)(window.value) else 60
    most = sum(rates) * (1 if str(named.value).startswith(("epm(", "tpm(")) else minutes)
    for condition in conditions:
        comparison = condition.at("comparison")
        if isinstance(comparison, Known) and not in_range(0, most)(comparison.value):
            yield message(
                "{monitor} waits for more events than the keys of its project let in", monitor=monitor
            )


RULE: Final = Rule(
    id="sentry-monitor-has-alert",
    title="Every Sentry monitor is on and can fire, and an alert tells of its first and each later failure",
    violated="fails unheard",
    severity=Severity.HIGH,
    risk="A missed backup, an outage or a wave of errors becomes an issue in a list, and nobody is called.",
    fix=(
        "Declare the monitor enabled, and an Alert with its id in monitorIds, enabled, with firstSeenEvent "
        "and regressionEvent among its triggerConditions: a monitor's second failure is no new issue."
    ),
    controls=(Control.SOC_CC7_3, Control.NIST_SI_4_12, Control.ISO_A_8_16, Control.CIS_13_1),
    subjects=of_type(CRON_MONITOR, METRIC_MONITOR, UPTIME_MONITOR),
    judge=_judge,
    parameters=(_WINDOW, _LATENCY),
)
