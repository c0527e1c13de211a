"""Whom UptimeRobot tells when something is down, and whether they are still reached when it is."""

import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import best, expect, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource

_PERSON: Final = "uptimerobot:index/alertContact:AlertContact"
_CHANNEL: Final = "uptimerobot:index/integration:Integration"
_UP_AND_DOWN, _DOWN = 1, 2  # UptimeRobot's numbers for enable_notifications_for; 3 is up only, 4 never
_HOSTED: Final = frozenset(
    {
        *("discord", "googlechat", "msteams", "pagerduty", "pushbullet", "pushover", "slack", "splunk"),
        *("telegram", "zapier", "mobile_app", "mobile_app_old"),
    }
)
"""Kinds of contact that another company runs; the others (email, webhook, mattermost) say where they are."""

_ASSIGNED: Final = "assignedAlertContacts"
_YEAR: Final = from_to(0, 366 * 24 * 60)
"""Minutes; what is longer is no answer."""

_NUMBERS: Final = re.compile(r"[\d.]+|.*:.*")


class _Contacts:
    """The contacts of a stack, by the id that they have once they exist."""

    def __init__(self, stack: PolicyStack) -> None:
        self.by_id: Final = {
            identifier.value: contact
            for contact in stack.of(_PERSON, _CHANNEL)
            if isinstance(identifier := contact.output("id"), Known) and isinstance(identifier.value, str)
        }


def contacts(monitor: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the contacts of this stack that a monitor names."""
    assigned = monitor.at(_ASSIGNED).each()
    made_from = stack.behind(monitor, _ASSIGNED) if assigned else []
    found = [contact for contact in made_from if contact.type in {_PERSON, _CHANNEL}]
    by_id = stack.view(_Contacts).by_id
    for entry in assigned:
        match entry.at("alertContactId"):
            case Known(str(identifier)) if identifier in by_id:
                found.append(by_id[identifier])
            case _:
                pass
    return list(dict.fromkeys(found))


def reaches_nobody(monitor: Resource, stack: PolicyStack) -> list[Text]:
    """Return why a monitor's alert reaches nobody; nothing where it reaches someone of this stack."""
    return best([silence(contact) for contact in contacts(monitor, stack)], _nobody(monitor))


def reaches_nobody_outside(monitor: Resource, host: str, stack: PolicyStack) -> list[Text]:
    """Return why a monitor's alert reaches nobody while this host, and what shares its domain, is down."""
    attempts = [[*silence(contact), *_dependence(contact, host)] for contact in contacts(monitor, stack)]
    return best(attempts, _nobody(monitor))


def delay(monitor: Resource) -> tuple[timedelta, list[Text]]:
    """Return how long after an alarm the first contact is told, and why that can't be said."""
    # A contact's threshold is the delay until it is told, in minutes.
    said = [entry.at("threshold") for entry in monitor.at(_ASSIGNED).each()]
    unclear = best(
        [expect_of(one, monitor, _ASSIGNED, _YEAR, "does not say when it tells them") for one in said],
        [say("{monitor} tells nobody", monitor=monitor)],
    )
    minutes = [one.value for one in said if isinstance(one, Known) and _YEAR(one.value)]
    return timedelta(minutes=min(minutes, default=0)), list(dict.fromkeys(unclear))


def silence(contact: Resource) -> list[Text]:
    """Return why a contact is not told of an outage."""
    if contact.type == _CHANNEL:
        wanted = one_of(_UP_AND_DOWN, _DOWN)
        return expect(contact, "enableNotificationsFor", wanted, "must notify on down")
    return [
        *expect(contact, "isActive", one_of(True), "must declare isActive true"),
        *expect(contact, "notificationEvents", one_of("up_and_down", "down"), "must notify on down"),
    ]


def site(host: str) -> str:
    """
    Return the domain that a host's owner registered; a number stands for itself.

    A guess, for the list of public suffixes is long and changes: two labels, or three where the last two look
    like `co.uk`.
    """
    labels = host.lower().rstrip(".").split(".")
    if _NUMBERS.fullmatch(host):
        return host
    two_part_suffix = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if two_part_suffix else labels[-2:])


def _nobody(monitor: Resource) -> list[Text]:
    entries = monitor.at(_ASSIGNED).each()
    if any(isinstance(entry.at("alertContactId"), Unknown) for entry in entries):
        return [undecided(monitor, _ASSIGNED)]
    return [say("{monitor} tells no contact that this stack declares", monitor=monitor)]


def _dependence(contact: Resource, host: str) -> list[Text]:
    match contact.at("type"):
        case Known(str(kind)) if kind in _HOSTED:
            return []
        case Unknown():
            return [undecided(contact, "type")]
        case _:
            return expect(
                contact,
                "value",
                lambda value: _is_outside(value, host),
                "has an address in the watched domain, or none that can be read",
            )


def _is_outside(address: Any, host: str) -> bool:
    if not isinstance(address, str):
        return False
    try:
        there = urlsplit(address).hostname if "://" in address else address.rpartition("@")[2]
    except ValueError:
        return False
    return there is not None and "." in there and site(there) != site(host)
