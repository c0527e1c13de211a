"""A contact that no monitor notifies is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import check_contact, contacts_of
from policies.facts.jobs import MONITOR
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource


def _judge(contact: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if contact in stack.view(_find_assigned):
        return check_contact(contact)
    return stack.view(_find_undecided) or [message("no monitor of this stack names it")]


def _find_assigned(stack: PolicyStack) -> set[Resource]:
    return {contact for monitor in stack.of_type(MONITOR) for contact in contacts_of(monitor, stack)}


def _find_undecided(stack: PolicyStack) -> list[Message]:
    """Return one message for each monitor with a contact of unknown id that depends on no resource."""
    return [
        unknown_value(monitor, "assignedAlertContacts")
        for monitor in stack.of_type(MONITOR)
        if not stack.dependencies(monitor, "assignedAlertContacts")
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
    subjects=of_type(
        "uptimerobot:index/alertContact:AlertContact", "uptimerobot:index/integration:Integration"
    ),
    judge=_judge,
)
