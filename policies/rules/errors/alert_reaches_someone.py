"""A Sentry alert that tells nobody is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import ALERT, PAGERDUTY_SERVICE, TEAM
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.rule import Parameters, Rule, best, expect, expect_of, of, one_of
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
"""Kinds of action that tell someone, and what each must name; tickets (github, jira, vsts) tell nobody."""

_IDS: Final = {"targetId": TEAM, "serviceId": PAGERDUTY_SERVICE}
"""What a first preview knows by what it is made from."""

_FALLBACKS: Final = one_of("AllMembers", "ActiveMembers")


def _judge(alert: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    yield from expect(alert, "enabled", one_of(True), "must declare enabled true")
    filters = alert.at("actionFilters").each()
    if not filters:
        yield say("it does nothing")
    for action_filter in filters:
        actions = action_filter.at("actions").each()
        yield from best([_lacks(action, alert, stack) for action in actions], [say("it takes no action")])


def _lacks(action: Reading, alert: Resource, stack: PolicyStack) -> list[Text]:
    email = action.at("email")
    if not isinstance(email, Absent):
        return _email(email, alert, stack)
    for kind, names in _TARGETS.items():
        told = action.at(kind)
        if not isinstance(told, Absent):
            return [text for name in names for text in _names(told, name, alert, stack)]
    return [say("one of its actions tells nobody")]


def _email(email: Reading, alert: Resource, stack: PolicyStack) -> list[Text]:
    match email.at("targetType"):
        case Known("team" | "user"):
            return _names(email, "targetId", alert, stack)
        case Known("issue_owners"):
            lack = "mails nobody where an issue has no owner"
            return expect_of(email.at("fallthroughType"), alert, "actionFilters", _FALLBACKS, lack)
        case Unknown():
            return [undecided(alert, "actionFilters")]
        case _:
            return [say("one of its e-mails goes to nobody")]


def _names(told: Reading, name: str, alert: Resource, stack: PolicyStack) -> list[Text]:
    match told.at(name):
        case Known(str(target)) if target.strip():
            return []
        case Unknown() if any(one.type == _IDS.get(name) for one in stack.behind(alert, "actionFilters")):
            return []
        case Unknown():
            return [undecided(alert, "actionFilters")]
        case _:
            return [say("one of its actions does not say whom to tell")]


RULE: Final = Rule(
    id="alert-reaches-someone",
    title="Every Sentry alert is enabled and names whom it tells",
    violated="tells nobody",
    severity=Severity.HIGH,
    risk="Sentry sees the error, the missed backup or the outage, and keeps it to itself.",
    fix=(
        "Declare the alert enabled, and in each of its actionFilters an action with its target: a team's or "
        "user's e-mail, a Slack channel, a PagerDuty service."
    ),
    controls=(Control.SOC_CC7_3, Control.SOC_CC7_4, Control.ISO_A_5_26, Control.NIST_IR_4, Control.CIS_17_2),
    subjects=of(ALERT),
    judge=_judge,
)
