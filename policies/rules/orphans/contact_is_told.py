"""A contact that no monitor tells anything is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import contacts, silence
from policies.facts.jobs import MONITOR
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Unknown
from policies.framework.rule import Parameters, Rule, of
from policies.framework.stack import PolicyStack, Resource


def _judge(contact: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    if contact in stack.view(_told):
        return silence(contact)
    return stack.view(_hidden) or [say("no monitor of this stack names it")]


def _told(stack: PolicyStack) -> set[Resource]:
    return {contact for monitor in stack.of(MONITOR) for contact in contacts(monitor, stack)}


def _hidden(stack: PolicyStack) -> list[Text]:
    """Return the monitors that tell someone of whom nothing is known: neither an id nor where it is from."""
    return [
        undecided(monitor, "assignedAlertContacts")
        for monitor in stack.of(MONITOR)
        if not stack.behind(monitor, "assignedAlertContacts")
        and any(
            isinstance(entry.at("alertContactId"), Unknown)
            for entry in monitor.at("assignedAlertContacts").each()
        )
    ]


RULE: Final = Rule(
    id="contact-is-told",
    title="Every contact of UptimeRobot is told by a monitor, and listens",
    violated="is never told anything",
    severity=Severity.LOW,
    risk="Someone is believed to be on the list, and hears of no outage.",
    fix=(
        "Name the contact in assignedAlertContacts of the monitors that it should hear of, and let it be "
        "active and told when something is down; or remove it."
    ),
    controls=(Control.CIS_17_2, Control.NIST_IR_4, Control.SOC_CC7_3, Control.ISO_A_5_26),
    subjects=of("uptimerobot:index/alertContact:AlertContact", "uptimerobot:index/integration:Integration"),
    judge=_judge,
)
