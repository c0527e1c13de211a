"""How Sentry's resources hang together: alerts on what they listen to, and a project's parts."""

from collections import defaultdict
from typing import Final, LiteralString

from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import best, expect, one_of
from policies.framework.stack import PolicyStack, Resource

ALERT: Final = "sentry:index/alert:Alert"
KEY: Final = "sentry:index/key:Key"
METRIC_MONITOR: Final = "sentry:index/metricMonitor:MetricMonitor"
OWNERSHIP: Final = "sentry:index/projectOwnership:ProjectOwnership"
PAGERDUTY_SERVICE: Final = "sentry:index/integrationPagerduty:IntegrationPagerduty"
PROJECT: Final = "sentry:index/project:Project"
SPIKE_PROTECTION: Final = "sentry:index/projectSpikeProtection:ProjectSpikeProtection"
TEAM: Final = "sentry:index/team:Team"
UPTIME_MONITOR: Final = "sentry:index/uptimeMonitor:UptimeMonitor"


class SentryAlerts:
    """The alerts of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        """Find what each listens to: what its monitorIds name, or are made from."""
        self._on: dict[Resource, list[Resource]] = defaultdict(list)
        self._by_id: dict[str, list[Resource]] = defaultdict(list)
        self.unclear: Final[list[Text]] = []
        """Says of each alert on something unknown, made from nothing, that it might be the one."""
        for alert in stack.of(ALERT):
            sources = stack.behind(alert, "monitorIds")
            for source in sources:
                self._on[source].append(alert)
            for identifier in alert.at("monitorIds").each():
                match identifier:
                    case Known(str(text)):
                        self._by_id[text].append(alert)
                    case Unknown() if not sources:
                        self.unclear.append(undecided(alert, "monitorIds"))
                    case _:
                        pass

    def on(self, source: Resource) -> list[Resource]:
        """Return those that listen to a monitor, or to those that Sentry itself makes for a project."""
        match source.output("id"):
            case Known(str(identifier)):
                named = self._by_id.get(identifier, [])
            case _:
                named = []
        return list(dict.fromkeys([*self._on.get(source, []), *named]))

    def unheard(self, source: Resource) -> list[Text]:
        """
        Return which of a source's issues no alert tells of: the new ones, or those that come back.

        Both are needed: Sentry keeps one issue for each fault, and for each monitor, so that a second outage
        is no new issue but the regression of an old one.
        """
        return [
            *self._deaf(source, "firstSeenEvent", "no alert listens to new issues of {it}"),
            *self._deaf(source, "regressionEvent", "no alert listens to regressed issues of {it}"),
        ]

    def _deaf(self, source: Resource, trigger: LiteralString, lack: LiteralString) -> list[Text]:
        listening = self.on(source)
        attempts = [
            [*expect(alert, "enabled", one_of(True), "must declare enabled true"), *_passes_on_few(alert)]
            for alert in listening
            if any(isinstance(entry.at(trigger), Known) for entry in alert.at("triggerConditions").each())
        ]
        unknown = [
            undecided(alert, "triggerConditions")
            for alert in listening
            if any(isinstance(entry.at(trigger), Unknown) for entry in alert.at("triggerConditions").each())
        ]
        return best(attempts, [*unknown, *self.unclear] or [say(lack, it=source)])


class SentryProjects:
    """The projects of a stack, each with what configures it."""

    def __init__(self, stack: PolicyStack) -> None:
        self._by_name: dict[str, Resource] = {}
        self._parts: dict[tuple[Resource, str], list[Resource]] = defaultdict(list)
        self._unclear: dict[str, list[Text]] = defaultdict(list)
        for project in stack.of(PROJECT):
            for identifier in (project.output("id"), project.at("slug")):
                match identifier:
                    case Known(str(text)):
                        self._by_name[text] = project
                    case _:
                        pass
        for part in stack.of(KEY, OWNERSHIP, SPIKE_PROTECTION):
            found = [one for one in stack.behind(part, "project") if one.type == PROJECT]
            match part.at("project"):
                case Known(str(text)) if text in self._by_name:
                    found.append(self._by_name[text])
                case Unknown() if not found:
                    self._unclear[part.type].append(undecided(part, "project"))
                case _:
                    pass
            for project in dict.fromkeys(found):
                self._parts[project, part.type].append(part)

    def parts(self, project: Resource, token: str) -> list[Resource]:
        """Return the resources of a type that configure a project, by its id or slug, or made from it."""
        return self._parts.get((project, token), [])

    def unclear(self, token: str) -> list[Text]:
        """Say of each such resource with an unknown project, made from nothing, that it might be the one."""
        return self._unclear.get(token, [])


def _passes_on_few(alert: Resource) -> list[Text]:
    """Return why an alert, once triggered, may tell nobody: each of its filters has a condition."""
    attempts: list[list[Text]] = []
    for action_filter in alert.at("actionFilters").each():
        match action_filter.at("conditions"):
            case Unknown():
                attempts.append([undecided(alert, "actionFilters")])
            case Known(value) if value:
                attempts.append([say("{alert} tells of some of them only", alert=alert)])
            case _:
                attempts.append([])
    return best(attempts, [say("{alert} does nothing", alert=alert)])
