"""UptimeRobot's alerts: who is told of which outage, when, and in which shape."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin.host.time_scale import TimeScale
from twin.vendor.store import Attributes, VendorStore
from twin.vendor.webhooks import Post, WebhookSender, joined

Trouble = Literal["down", "slow"]
Direction = Literal["down", "up"]

_SPOKEN = {
    ("down", "down"): ("1", "Down"),
    ("down", "up"): ("2", "Up"),
    ("slow", "down"): ("4", "Slow response"),
    ("slow", "up"): ("5", "Response time back to normal"),
}
"""UptimeRobot documents 1 Down, 2 Up and 3 SSL expiry as *alertType*; the two for slowness are the twin's."""

_WANTED: Mapping[int | str, tuple[Direction, ...]] = {
    1: ("down", "up"),
    2: ("down",),
    3: ("up",),
    4: (),
    "up_and_down": ("down", "up"),
    "down": ("down",),
    "up": ("up",),
    "none": (),
}
"""An integration's enableNotificationsFor and an alert contact's notificationEvents."""


@dataclass(frozen=True)
class _Contact:
    id: str
    name: str
    kind: str
    wants: tuple[Direction, ...]
    wants_certificate_reminders: bool
    attributes: Attributes


class UptimeAlerts:
    """
    Outages, durable from their start, and what each assigned contact was told about them.

    A contact is told `threshold` minutes after the start and again each `recurrence` minutes, and of the end
    when the outage reached its threshold. Nobody is told during a maintenance window.
    """

    def __init__(self, store: VendorStore, pace: TimeScale, courier: WebhookSender) -> None:
        self._store = store
        self._pace = pace
        self._courier = courier

    def begin(self, monitor_id: str, trouble: Trouble, detail: str, now: float) -> None:
        """Note that an outage began, inside the transaction that notes the monitor's state."""
        about: Attributes = {"monitor": monitor_id, "trouble": trouble, "detail": detail}
        number = str(self._store.next_number("twin"))
        self._store.insert("twin", "incident", number, {**about, "started": now, "ended": None, "told": {}})

    def end(self, monitor_id: str, trouble: Trouble, now: float) -> None:
        """Note that the monitor's outage is over."""
        for number, incident in self._store.list("twin", "incident").items():
            if (incident["monitor"], incident["trouble"], incident["ended"]) == (monitor_id, trouble, None):
                self._store.replace("twin", "incident", number, {**incident, "ended": now})

    def drop(self, monitor_id: str) -> None:
        """Forget a monitor's outages without telling anyone: it was paused or deleted."""
        for number, incident in self._store.list("twin", "incident").items():
            if incident["monitor"] == monitor_id:
                self._store.remove("twin", "incident", number)

    def tick(self, monitors: Mapping[str, Attributes], silent: frozenset[str], now: float) -> None:
        """Tell whoever is due; `silent` are the monitors in a maintenance window."""
        for number in self._store.list("twin", "incident"):
            with self._store.transaction():
                # Read within the transaction: a look that ends the outage may come in between.
                incident = self._store.get("twin", "incident", number)
                if not incident or incident["monitor"] in silent or incident["monitor"] not in monitors:
                    continue
                told = self._tell_due(monitors[incident["monitor"]], incident, now)
                if incident["ended"] is not None:
                    self._store.remove("twin", "incident", number)
                elif told != incident["told"]:
                    self._store.replace("twin", "incident", number, {**incident, "told": told})

    def remind(self, monitor_id: str, monitor: Attributes, days: int, end: str) -> None:
        """Tell the contacts that want it that the certificate ends within `days`, at `end`."""
        details = f"the certificate ends within {days} days"
        variables = _variables(monitor_id, monitor, "3", "SSL expiry", details)
        variables |= {"sslExpiryDate": end, "sslExpiryDaysLeft": str(days)}
        for assigned in monitor.get("assignedAlertContacts") or ():
            contact = self._contact(str(assigned["alertContactId"]))
            if contact.wants_certificate_reminders:
                self._send(contact, variables, "down")

    def _tell_due(self, monitor: Attributes, incident: Attributes, now: float) -> dict[str, float]:
        """Enqueue what is due and return when each contact was last told of the start."""
        told: dict[str, float] = dict(incident["told"])
        ended: float | None = incident["ended"]
        for assigned in monitor.get("assignedAlertContacts") or ():
            contact = self._contact(str(assigned["alertContactId"]))
            lasted = (now if ended is None else ended) - incident["started"]
            if lasted < self._pace.minutes(assigned["threshold"]):
                continue
            recurrence = self._pace.minutes(assigned["recurrence"])
            again = ended is None and recurrence > 0 and now - told.get(contact.id, now) >= recurrence
            if "down" in contact.wants and (contact.id not in told or again):
                self._announce(monitor, incident, contact, "down", now)
                told[contact.id] = now
            if "up" in contact.wants and ended is not None:
                self._announce(monitor, incident, contact, "up", ended)
        return told

    def _announce(
        self, monitor: Attributes, incident: Attributes, contact: _Contact, direction: Direction, now: float
    ) -> None:
        alert_type, spoken = _SPOKEN[incident["trouble"], direction]
        details = incident["detail"] if direction == "down" else ""
        variables = _variables(incident["monitor"], monitor, alert_type, spoken, details)
        variables |= {
            "alertDateTime": str(round(now)),
            "alertDuration": str(round(now - incident["started"])),
        }
        self._send(contact, variables, direction)

    def _send(self, contact: _Contact, variables: dict[str, str], direction: Direction) -> None:
        entry = {
            "source": "uptimerobot",
            "kind": contact.kind,
            "contact": contact.name,
            "contactId": contact.id,
            "monitor": variables["monitorFriendlyName"],
            "monitorId": variables["monitorID"],
            "event": variables["alertTypeFriendlyName"],
        }
        self._courier.enqueue(self._post(contact, variables, direction), entry)

    def _contact(self, contact_id: str) -> _Contact:
        """Return who an id stands for: an integration or an alert contact, which share their numbers."""
        if found := self._store.get("uptimerobot", "integration", contact_id):
            wants = _WANTED[int(found["enableNotificationsFor"])]
        elif found := self._store.get("uptimerobot", "alertContact", contact_id):
            active = found.get("isActive") is not False
            wants = _WANTED[found.get("notificationEvents") or "up_and_down"] if active else ()
        else:
            return _Contact(contact_id, contact_id, "missing", ("down", "up"), True, {})
        name = str(found.get("name") or contact_id)
        reminders = found.get("sslExpirationReminder") is True
        return _Contact(contact_id, name, found["type"], wants, reminders, found)

    def _post(self, contact: _Contact, variables: dict[str, str], direction: Direction) -> Post | str:
        about = f"{variables['monitorFriendlyName']} ({variables['monitorURL']})".removesuffix(" ()")
        text = joined((f"{variables['alertTypeFriendlyName']}: {about}", variables["alertDetails"]))
        match contact.kind:
            case "slack":
                channel = contact.attributes.get("customValue")
                body = {"text": text, **({"channel": channel} if channel else {})}
                return Post(contact.attributes["value"], json=body)
            case "webhook":
                return _webhook(contact.attributes, variables)
            case "email":
                subject = f"Monitor is {variables['alertTypeFriendlyName']}: {about}"
                mail = {"to": contact.name, "subject": subject, "text": text}
                return self._courier.sink(f"email:{contact.name}", mail)
            case "pagerduty":
                if direction == "up" and not contact.attributes.get("autoResolve"):
                    return "autoResolve is off: the incident stays open in PagerDuty"
                return self._courier.sink(f"pagerduty:{contact.name}", _pagerduty(variables, text, direction))
            case "missing":
                return "the account has no such contact"
            case other:
                return f"the twin cannot deliver to {other}"


def _variables(
    monitor_id: str, monitor: Attributes, alert_type: str, spoken: str, details: str
) -> dict[str, str]:
    """Return the notification variables of UptimeRobot's webhooks, without the asterisks around the names."""
    secret_url = monitor["type"] == "HEARTBEAT"
    return {
        "monitorID": monitor_id,
        "monitorURL": "" if secret_url else str(monitor.get("url") or ""),
        "monitorFriendlyName": str(monitor.get("name") or monitor_id),
        "alertType": alert_type,
        "alertTypeFriendlyName": spoken,
        "alertDetails": details,
    }


def _webhook(integration: Attributes, variables: dict[str, str]) -> Post:
    """Shape a webhook call by the integration's flags; without any the variables go into the query."""
    content: Any = variables
    if given := integration.get("postValue"):
        try:
            content = _filled(json.loads(given), variables)
        except ValueError:
            content = _filled(given, variables)
    as_json, as_form, as_query = (
        integration.get(flag) is True for flag in ("sendAsJson", "sendAsPostParameters", "sendAsQueryString")
    )
    return Post(
        integration["value"],
        json=content if as_json or (given and not as_form) else None,
        form=_flat(content) if as_form and not as_json else None,
        query=_flat(content) if as_query or not (given or as_json or as_form) else {},
        headers={str(name): str(value) for name, value in (integration.get("customHeaders") or {}).items()},
    )


def _filled(content: Any, variables: Mapping[str, str]) -> Any:
    """Replace *variables* in every string; after parsing, so that a quote in a value breaks nothing."""
    match content:
        case str():
            for name, value in variables.items():
                content = content.replace(f"*{name}*", value)
            return content
        case list():
            return [_filled(item, variables) for item in content]
        case dict():
            return {key: _filled(value, variables) for key, value in content.items()}
        case _:
            return content


def _flat(content: Any) -> dict[str, str]:
    if not isinstance(content, dict):
        return {"value": str(content)}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}


def _pagerduty(variables: dict[str, str], text: str, direction: Direction) -> dict[str, Any]:
    """Return an event of PagerDuty's Events API v2 without the routing key, which is a secret."""
    trouble = "slow" if variables["alertType"] in {"4", "5"} else "down"
    return {
        "routing_key": "(withheld by the twin)",
        "event_action": "trigger" if direction == "down" else "resolve",
        "dedup_key": f"uptimerobot-{variables['monitorID']}-{trouble}",
        "payload": {
            "summary": text,
            "source": variables["monitorURL"] or variables["monitorFriendlyName"],
            "severity": "critical" if trouble == "down" else "warning",
            "custom_details": variables,
        },
    }
