"""An alert that no monitor can set off is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, of
from policies.framework.stack import PolicyStack, Resource


def _judge(alert: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    listed = alert.at("monitorIds")
    if isinstance(listed, Unknown):
        return [] if stack.behind(alert, "monitorIds") else [undecided(alert, "monitorIds")]
    # An id in the list that is not known yet is one of a monitor all the same: made by this stack, or looked
    # up by it, which leaves no trace in what the engine tells.
    if any(isinstance(entry, Unknown) or _is_id(entry) for entry in listed.each()):
        return []
    return [say("its monitorIds name no monitor")]


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
    subjects=of("sentry:index/alert:Alert"),
    judge=_judge,
)
