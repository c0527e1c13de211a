"""A Sentry alert that listens to no monitor is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource


def _judge(alert: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    ids = alert.at("monitorIds")
    if isinstance(ids, Unknown):
        return [] if stack.dependencies(alert, "monitorIds") else [unknown_value(alert, "monitorIds")]
    # An unknown id in a known list is still the id of a monitor: one of this stack, or one that the program
    # looks up, which the engine's messages don't show.
    if any(isinstance(entry, Unknown) or _is_id(entry) for entry in ids.each()):
        return []
    return [message("its monitorIds name no monitor")]


def _is_id(entry: object) -> bool:
    return isinstance(entry, Known) and isinstance(entry.value, str) and bool(entry.value)


RULE: Final = Rule(
    id="alert-listens-to-something",
    title="Every Sentry alert listens to a monitor",
    violated="listens to nothing",
    severity=Severity.MEDIUM,
    risk="The alert is there, it is enabled, and it can never fire.",
    fix="Name the monitors in monitorIds, or remove the alert.",
    controls=(Control.SOC_CC7_2, Control.SOC_CC7_3, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=of_type("sentry:index/alert:Alert"),
    judge=_judge,
)
