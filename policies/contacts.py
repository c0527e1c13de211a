"""Whom UptimeRobot tells when something is down."""

from typing import Final

from policies.reading import Known
from policies.resources import Resource, Stack
from policies.rule import best, expect, one_of
from policies.wording import Text, say

_PERSON: Final = "uptimerobot:index/alertContact:AlertContact"
_CHANNEL: Final = "uptimerobot:index/integration:Integration"
_UP_AND_DOWN, _DOWN = 1, 2  # UptimeRobot's numbers for enable_notifications_for; 3 is up only, 4 never


def reaches_nobody(monitor: Resource, stack: Stack) -> list[Text]:
    """Return why a monitor's alert reaches nobody; nothing where it reaches someone of this stack."""
    assigned = monitor.at("assignedAlertContacts").each()
    identifiers = [entry.at("alertContactId") for entry in assigned]
    made_from = stack.behind(monitor, "assignedAlertContacts") if assigned else []
    contacts = [
        contact
        for contact in [*stack.of(_PERSON), *stack.of(_CHANNEL)]
        if contact in made_from
        or (isinstance(contact.output("id"), Known) and contact.output("id") in identifiers)
    ]
    lack = [say("{monitor} tells no contact that this stack declares", monitor=monitor)]
    return best([_silence(contact) for contact in contacts], lack)


def _silence(contact: Resource) -> list[Text]:
    if contact.type == _CHANNEL:
        wanted = one_of(_UP_AND_DOWN, _DOWN)
        return expect(contact, "enableNotificationsFor", wanted, "must notify on down")
    return [
        *expect(contact, "isActive", one_of(True), "must declare isActive true"),
        *expect(contact, "notificationEvents", one_of("up_and_down", "down"), "must notify on down"),
    ]
