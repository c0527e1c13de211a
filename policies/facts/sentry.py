"""Sentry's resources: alerts and the monitors that they listen to, projects and their parts."""

import json
from collections import defaultdict
from typing import Any, Final, LiteralString, cast

from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import accept_any, expect, one_of
from policies.framework.stack import PolicyStack, Resource

ALERT: Final = "sentry:index/alert:Alert"
INBOUND_FILTER: Final = "sentry:index/projectInboundDataFilter:ProjectInboundDataFilter"
KEY: Final = "sentry:index/key:Key"
METRIC_MONITOR: Final = "sentry:index/metricMonitor:MetricMonitor"
OWNERSHIP: Final = "sentry:index/projectOwnership:ProjectOwnership"
PAGERDUTY_SERVICE: Final = "sentry:index/integrationPagerduty:IntegrationPagerduty"
PROJECT: Final = "sentry:index/project:Project"
SPIKE_PROTECTION: Final = "sentry:index/projectSpikeProtection:ProjectSpikeProtection"
TEAM: Final = "sentry:index/team:Team"
UPTIME_MONITOR: Final = "sentry:index/uptimeMonitor:UptimeMonitor"
_FIRST_ERROR: Final = 400


class SentryAlerts:
    """The alerts of a stack, by the monitors and projects that they listen to."""

    def __init__(self, stack: PolicyStack) -> None:
        """Index each alert by the ids in its monitorIds, and by the resources that these depend on."""
        self._by_source: dict[Resource, list[Resource]] = defaultdict(list)
        self._by_id: dict[str, list[Resource]] = defaultdict(list)
        self.undecided: Final[list[Message]] = []
        """One message for each alert with an unknown monitor id that depends on no resource."""
        for alert in stack.of_type(ALERT):
            sources = stack.dependencies(alert, "monitorIds")
            for source in sources:
                self._by_source[source].append(alert)
            for identifier in alert.at("monitorIds").each():
                match identifier:
                    case Known(str(text)):
                        self._by_id[text].append(alert)
                    case Unknown() if not sources:
                        self.undecided.append(unknown_value(alert, "monitorIds"))
                    case _:
                        pass

    def alerts_on(self, source: Resource) -> list[Resource]:
        """Return the alerts that listen to a monitor, or to a project's default monitors."""
        match source.output("id"):
            case Known(str(identifier)):
                by_id = self._by_id.get(identifier, [])
            case _:
                by_id = []
        return list(dict.fromkeys([*self._by_source.get(source, []), *by_id]))

    def check_alerts(self, source: Resource) -> list[Message]:
        """
        Return why no alert reports new issues, or regressed issues, of a monitor or project.

        Both are needed: Sentry keeps one issue per fault and per monitor. So a second outage is not a new
        issue, but a regression of the old one.
        """
        return [
            *self._check_trigger(source, "firstSeenEvent", "no alert listens to new issues of {it}"),
            *self._check_trigger(source, "regressionEvent", "no alert listens to regressed issues of {it}"),
        ]

    def _check_trigger(
        self, source: Resource, trigger: LiteralString, problem: LiteralString
    ) -> list[Message]:
        alerts = self.alerts_on(source)
        alternatives = [
            [*expect(alert, "enabled", one_of(True), "must declare enabled true"), *_check_filters(alert)]
            for alert in alerts
            if any(isinstance(entry.at(trigger), Known) for entry in alert.at("triggerConditions").each())
        ]
        unknown = [
            unknown_value(alert, "triggerConditions")
            for alert in alerts
            if any(isinstance(entry.at(trigger), Unknown) for entry in alert.at("triggerConditions").each())
        ]
        return accept_any(alternatives, [*unknown, *self.undecided] or [message(problem, it=source)])


class SentryProjects:
    """The projects of a stack, each with its parts: the resources that configure it."""

    def __init__(self, stack: PolicyStack) -> None:
        self._by_name: dict[str, Resource] = {}
        self._parts: dict[tuple[Resource, str], list[Resource]] = defaultdict(list)
        self._undecided: dict[str, list[Message]] = defaultdict(list)
        for project in stack.of_type(PROJECT):
            for identifier in (project.output("id"), project.at("slug")):
                match identifier:
                    case Known(str(text)):
                        self._by_name[text] = project
                    case _:
                        pass
        for part in stack.of_type(INBOUND_FILTER, KEY, OWNERSHIP, SPIKE_PROTECTION):
            dependencies = stack.dependencies(part, "project")
            projects = [dependency for dependency in dependencies if dependency.type == PROJECT]
            match part.at("project"):
                case Known(str(text)) if text in self._by_name:
                    projects.append(self._by_name[text])
                case Unknown() if not projects:
                    self._undecided[part.type].append(unknown_value(part, "project"))
                case _:
                    pass
            for project in dict.fromkeys(projects):
                self._parts[project, part.type].append(part)

    def parts(self, project: Resource, token: str) -> list[Resource]:
        """Return the resources of a type that configure a project: they name it, or depend on it."""
        return self._parts.get((project, token), [])

    def messages_about_unassigned(self, token: str) -> list[Message]:
        """Return one message for each part of a type with an unknown project that depends on no resource."""
        return self._undecided.get(token, [])


def events_per_minute(key: Resource) -> float | None:
    """Return how many events a key lets in at most; None without a limit, or one that is not known."""
    match key.at("rateLimitCount"), key.at("rateLimitWindow"):
        case Known(float(count)), Known(float(seconds)) if seconds > 0:
            return count * 60 / seconds
        case _:
            return None


def refuses_errors(assertion: object) -> bool:
    """
    Tell whether an uptime monitor's assertion takes no answer of a server's error for a good one.

    It is a tree of checks; one of the codes counts where every group above it demands all of its parts.
    """
    try:
        root: Any = json.loads(assertion) if isinstance(assertion, str) else None
    except ValueError:
        return False
    return isinstance(root, dict) and _demands_success(cast("dict[str, Any]", root).get("root", root))


def _demands_success(node: Any) -> bool:
    match node:
        case {"op": "and", "children": list(children)}:
            return any(map(_demands_success, cast("list[Any]", children)))
        case {"op": "or", "children": list(children)}:
            return bool(children) and all(map(_demands_success, cast("list[Any]", children)))
        case {"op": "status_code_check", "operator": {"cmp": "equals"}, "value": int(code)}:
            return code < _FIRST_ERROR
        case {"op": "status_code_check", "operator": {"cmp": "less_than"}, "value": int(code)}:
            return code <= _FIRST_ERROR
        case _:
            return False


def judge_environment(watching: Resource, stack: PolicyStack) -> list[Message]:
    """Return why an alert or a monitor looks at another environment than the program says it is."""
    bound = watching.at("environment")
    published = stack.view(_find_environments)
    if isinstance(bound, Unknown):
        return [unknown_value(watching, "environment")]
    if bound == Absent() or not published or bound in published:
        return []
    return [message("{it} is bound to another environment than that of this program", it=watching)]


def _find_environments(stack: PolicyStack) -> list[PropertyValue]:
    return [component.at("environment") for component in stack.publishers("environment")]


def _check_filters(alert: Resource) -> list[Message]:
    """Return why a triggered alert may notify nobody: each of its filters has a condition."""
    alternatives: list[list[Message]] = []
    for action_filter in alert.at("actionFilters").each():
        match action_filter.at("conditions"):
            case Unknown():
                alternatives.append([unknown_value(alert, "actionFilters")])
            case Known(value) if value:
                alternatives.append([message("{alert} tells of some of them only", alert=alert)])
            case _:
                alternatives.append([])
    return accept_any(alternatives, [message("{alert} does nothing", alert=alert)])
