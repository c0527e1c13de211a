"""Alert contacts of UptimeRobot monitors: who is notified of an outage, how soon, and independent of what."""

import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import accept_any, expect, expect_value, in_range, one_of
from policies.framework.stack import PolicyStack, Resource

_ALERT_CONTACT: Final = "uptimerobot:index/alertContact:AlertContact"
_INTEGRATION: Final = "uptimerobot:index/integration:Integration"
_UP_AND_DOWN, _DOWN = 1, 2  # UptimeRobot's numbers for enable_notifications_for; 3 is up only, 4 never
_HOSTED_KINDS: Final = frozenset(
    {
        *("discord", "googlechat", "msteams", "pagerduty", "pushbullet", "pushover", "slack", "splunk"),
        *("telegram", "zapier", "mobile_app", "mobile_app_old"),
    }
)
"""Kinds of contact that another company hosts. The others (email, webhook, mattermost) have an address."""

_ASSIGNED: Final = "assignedAlertContacts"
_DELAY_MINUTES: Final = in_range(0, 366 * 24 * 60)
"""Accepted range of a delay, in minutes: up to 366 days. A longer delay counts as not declared."""

_IP_ADDRESS: Final = re.compile(r"[\d.]+|.*:.*")


class _ContactIndex:
    """The contacts of a stack that exist already, by id."""

    def __init__(self, stack: PolicyStack) -> None:
        self.by_id: Final = {
            identifier.value: contact
            for contact in stack.of_type(_ALERT_CONTACT, _INTEGRATION)
            if isinstance(identifier := contact.output("id"), Known) and isinstance(identifier.value, str)
        }


def contacts_of(monitor: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the contacts of this stack that are assigned to a monitor."""
    assigned = monitor.at(_ASSIGNED).each()
    dependencies = stack.dependencies(monitor, _ASSIGNED) if assigned else []
    contacts = [resource for resource in dependencies if resource.type in {_ALERT_CONTACT, _INTEGRATION}]
    by_id = stack.view(_ContactIndex).by_id
    for entry in assigned:
        match entry.at("alertContactId"):
            case Known(str(identifier)) if identifier in by_id:
                contacts.append(by_id[identifier])
            case _:
                pass
    return list(dict.fromkeys(contacts))


def list_slack_channels(stack: PolicyStack) -> frozenset[str]:
    """Return the channels of Slack that the stack's contacts tell, without the leading #; none if unknown."""
    integrations = [one for one in stack.of_type(_INTEGRATION) if one.at("type") == Known("slack")]
    names = [one.at("customValue") for one in integrations]
    known = frozenset(str(name.value).lstrip("#") for name in names if isinstance(name, Known))
    return known if all(isinstance(name, Known) for name in names) else frozenset()


def check_reach(monitor: Resource, stack: PolicyStack) -> list[Message]:
    """Return why a monitor notifies no contact of this stack; nothing if it notifies one."""
    contacts = [check_contact(contact) for contact in contacts_of(monitor, stack)]
    return accept_any(contacts, _describe_no_contact(monitor))


def check_reach_outside(monitor: Resource, host: str, stack: PolicyStack) -> list[Message]:
    """Return why a monitor notifies no contact while everything in the host's domain is down."""
    contacts = [
        [*check_contact(contact), *_check_independence(contact, host)]
        for contact in contacts_of(monitor, stack)
    ]
    return accept_any(contacts, _describe_no_contact(monitor))


def alert_delay(monitor: Resource) -> tuple[timedelta, list[Message]]:
    """Return how long after an alarm the first contact is notified, and why that is not known."""
    # A contact's threshold is the delay until it is notified, in minutes.
    delays = [entry.at("threshold") for entry in monitor.at(_ASSIGNED).each()]
    problems = accept_any(
        [
            expect_value(delay, monitor, _ASSIGNED, _DELAY_MINUTES, "does not say when it tells them")
            for delay in delays
        ],
        [message("{monitor} tells nobody", monitor=monitor)],
    )
    minutes = [delay.value for delay in delays if isinstance(delay, Known) and _DELAY_MINUTES(delay.value)]
    return timedelta(minutes=min(minutes, default=0)), list(dict.fromkeys(problems))


def check_contact(contact: Resource) -> list[Message]:
    """Return why a contact is not notified of an outage."""
    if contact.type == _INTEGRATION:
        return expect(contact, "enableNotificationsFor", one_of(_UP_AND_DOWN, _DOWN), "must notify on down")
    return [
        *expect(contact, "isActive", one_of(True), "must declare isActive true"),
        *expect(contact, "notificationEvents", one_of("up_and_down", "down"), "must notify on down"),
    ]


def registered_domain(host: str) -> str:
    """
    Return the domain that a host's owner registered, or the host if it is an IP address.

    This is a guess, as the list of public suffixes is long and changes: the last two labels, or three if the
    last two look like `co.uk`.
    """
    labels = host.lower().rstrip(".").split(".")
    if _IP_ADDRESS.fullmatch(host):
        return host
    two_part_suffix = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if two_part_suffix else labels[-2:])


def _describe_no_contact(monitor: Resource) -> list[Message]:
    entries = monitor.at(_ASSIGNED).each()
    if any(isinstance(entry.at("alertContactId"), Unknown) for entry in entries):
        return [unknown_value(monitor, _ASSIGNED)]
    return [message("{monitor} tells no contact that this stack declares", monitor=monitor)]


def _check_independence(contact: Resource, host: str) -> list[Message]:
    match contact.at("type"):
        case Known(str(kind)) if kind in _HOSTED_KINDS:
            return []
        case Unknown():
            return [unknown_value(contact, "type")]
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
        contact_host = urlsplit(address).hostname if "://" in address else address.rpartition("@")[2]
    except ValueError:
        return False
    if contact_host is None or "." not in contact_host:
        return False
    return registered_domain(contact_host) != registered_domain(host)
