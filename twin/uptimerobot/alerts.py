"""UptimeRobot's alerts: which contact is notified of which outage, when, and in which format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin.host.time_scale import TimeScale
from twin.vendor.store import Attributes, VendorStore
from twin.vendor.webhooks import Post, WebhookSender, join_parts

Trouble = Literal["down", "slow"]
Direction = Literal["down", "up"]

_ALERT_TYPES = {
    ("down", "down"): ("1", "Down"),
    ("down", "up"): ("2", "Up"),
    ("slow", "down"): ("4", "Slow response"),
    ("slow", "up"): ("5", "Response time back to normal"),
}
"""*alertType* and *alertTypeFriendlyName*. UptimeRobot documents the types 1 to 3; 4 and 5 are the twin's."""

_DIRECTIONS: Mapping[int | str, tuple[Direction, ...]] = {
    1: ("down", "up"),
    2: ("down",),
    3: ("up",),
    4: (),
    "up_and_down": ("down", "up"),
    "down": ("down",),
    "up": ("up",),
    "none": (),
}
"""The alerts that an integration's enableNotificationsFor or a contact's notificationEvents ask for."""


@dataclass(frozen=True)
class _Contact:
    id: str
    name: str
    kind: str
    directions: tuple[Direction, ...]
    gets_certificate_reminders: bool
    attributes: Attributes


class UptimeAlerts:
    """
    Stores outages and notifies the contacts that are assigned to their monitors.

    A contact is notified `threshold` minutes after the start, then every `recurrence` minutes, and of the end
    if the outage lasted for `threshold` minutes. There are no notifications during a maintenance window.
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, sender: WebhookSender) -> None:
        self._store = store
        self._time_scale = time_scale
        self._sender = sender

    def open_incident(self, monitor_id: str, trouble: Trouble, detail: str, now: float) -> None:
        """Record the start of an outage. The caller's transaction records the monitor's state as well."""
        number = str(self._store.next_number("twin"))
        incident: Attributes = {
            "monitor": monitor_id,
            "trouble": trouble,
            "detail": detail,
            "started": now,
            "ended": None,
            "told": {},
        }
        self._store.insert("twin", "incident", number, incident)

    def close_incident(self, monitor_id: str, trouble: Trouble, now: float) -> None:
        """Record the end of the monitor's outage."""
        for number, incident in self._store.list("twin", "incident").items():
            if (incident["monitor"], incident["trouble"], incident["ended"]) == (monitor_id, trouble, None):
                self._store.replace("twin", "incident", number, {**incident, "ended": now})

    def discard_incidents(self, monitor_id: str) -> None:
        """Remove a monitor's outages without a notification: it was paused or deleted."""
        for number, incident in self._store.list("twin", "incident").items():
            if incident["monitor"] == monitor_id:
                self._store.remove("twin", "incident", number)

    def tick(self, monitors: Mapping[str, Attributes], muted: frozenset[str], now: float) -> None:
        """Send the notifications that are due; `muted` are the monitors in a maintenance window."""
        for number in self._store.list("twin", "incident"):
            with self._store.transaction():
                # Read within the transaction: a probe may end the outage at the same time.
                incident = self._store.get("twin", "incident", number)
                if not incident or incident["monitor"] in muted or incident["monitor"] not in monitors:
                    continue
                notified = self._notify_due_contacts(monitors[incident["monitor"]], incident, now)
                if incident["ended"] is not None:
                    self._store.remove("twin", "incident", number)
                elif notified != incident["told"]:
                    self._store.replace("twin", "incident", number, {**incident, "told": notified})

    def send_certificate_reminder(self, monitor_id: str, monitor: Attributes, days: int, end: str) -> None:
        """Notify the contacts that ask for it that the certificate ends within `days`, at `end`."""
        details = f"the certificate ends within {days} days"
        variables = _notification_variables(monitor_id, monitor, "3", "SSL expiry", details)
        variables |= {"sslExpiryDate": end, "sslExpiryDaysLeft": str(days)}
        for assigned in monitor.get("assignedAlertContacts") or ():
            contact = self._find_contact(str(assigned["alertContactId"]))
            if contact.gets_certificate_reminders:
                self._enqueue(contact, variables, "down")

    def _notify_due_contacts(self, monitor: Attributes, incident: Attributes, now: float) -> dict[str, float]:
        """Enqueue what is due. Return by contact id when each was last notified of the start (Unix time)."""
        notified: dict[str, float] = dict(incident["told"])
        ended: float | None = incident["ended"]
        for assigned in monitor.get("assignedAlertContacts") or ():
            contact = self._find_contact(str(assigned["alertContactId"]))
            duration = (now if ended is None else ended) - incident["started"]
            if duration < self._time_scale.scale_minutes(assigned["threshold"]):
                continue
            recurrence = self._time_scale.scale_minutes(assigned["recurrence"])
            is_repeat = ended is None and recurrence > 0 and now - notified.get(contact.id, now) >= recurrence
            if "down" in contact.directions and (contact.id not in notified or is_repeat):
                self._notify(monitor, incident, contact, "down", now)
                notified[contact.id] = now
            if "up" in contact.directions and ended is not None:
                self._notify(monitor, incident, contact, "up", ended)
        return notified

    def _notify(
        self, monitor: Attributes, incident: Attributes, contact: _Contact, direction: Direction, now: float
    ) -> None:
        alert_type, title = _ALERT_TYPES[incident["trouble"], direction]
        details = incident["detail"] if direction == "down" else ""
        variables = _notification_variables(incident["monitor"], monitor, alert_type, title, details)
        variables |= {
            "alertDateTime": str(round(now)),
            "alertDuration": str(round(now - incident["started"])),
        }
        self._enqueue(contact, variables, direction)

    def _enqueue(self, contact: _Contact, variables: dict[str, str], direction: Direction) -> None:
        entry = {
            "source": "uptimerobot",
            "kind": contact.kind,
            "contact": contact.name,
            "contactId": contact.id,
            "monitor": variables["monitorFriendlyName"],
            "monitorId": variables["monitorID"],
            "event": variables["alertTypeFriendlyName"],
        }
        self._sender.enqueue(self._build_post(contact, variables, direction), entry)

    def _find_contact(self, contact_id: str) -> _Contact:
        """Return the integration or alert contact with this id; both kinds share one sequence of ids."""
        if stored := self._store.get("uptimerobot", "integration", contact_id):
            directions = _DIRECTIONS[int(stored["enableNotificationsFor"])]
        elif stored := self._store.get("uptimerobot", "alertContact", contact_id):
            active = stored.get("isActive") is not False
            directions = _DIRECTIONS[stored.get("notificationEvents") or "up_and_down"] if active else ()
        else:
            return _Contact(contact_id, contact_id, "missing", ("down", "up"), True, {})
        name = str(stored.get("name") or contact_id)
        reminders = stored.get("sslExpirationReminder") is True
        return _Contact(contact_id, name, stored["type"], directions, reminders, stored)

    def _build_post(self, contact: _Contact, variables: dict[str, str], direction: Direction) -> Post | str:
        subject = f"{variables['monitorFriendlyName']} ({variables['monitorURL']})".removesuffix(" ()")
        text = join_parts((f"{variables['alertTypeFriendlyName']}: {subject}", variables["alertDetails"]))
        match contact.kind:
            case "slack":
                channel = contact.attributes.get("customValue")
                body = {"text": text, **({"channel": channel} if channel else {})}
                return Post(contact.attributes["value"], json=body)
            case "webhook":
                return _build_webhook_post(contact.attributes, variables)
            case "email":
                title = f"Monitor is {variables['alertTypeFriendlyName']}: {subject}"
                mail = {"to": contact.name, "subject": title, "text": text}
                return self._sender.inbox_post(f"email:{contact.name}", mail)
            case "pagerduty":
                if direction == "up" and not contact.attributes.get("autoResolve"):
                    return "autoResolve is off: the incident stays open in PagerDuty"
                event = _pagerduty_event(variables, text, direction)
                return self._sender.page_post(contact.name, contact.attributes["value"], event)
            case "missing":
                return "the account has no such contact"
            case other:
                return f"the twin cannot deliver to {other}"


def _notification_variables(
    monitor_id: str, monitor: Attributes, alert_type: str, title: str, details: str
) -> dict[str, str]:
    """Return the notification variables of UptimeRobot's webhooks, without the asterisks around the names."""
    secret_url = monitor["type"] == "HEARTBEAT"
    return {
        "monitorID": monitor_id,
        "monitorURL": "" if secret_url else str(monitor.get("url") or ""),
        "monitorFriendlyName": str(monitor.get("name") or monitor_id),
        "alertType": alert_type,
        "alertTypeFriendlyName": title,
        "alertDetails": details,
    }


def _build_webhook_post(integration: Attributes, variables: dict[str, str]) -> Post:
    """Return the POST in the format of the integration's flags; without flags the variables are the query."""
    content: Any = variables
    if template := integration.get("postValue"):
        try:
            content = _substitute(json.loads(template), variables)
        except ValueError:
            content = _substitute(template, variables)
    as_json, as_form, as_query = (
        integration.get(flag) is True for flag in ("sendAsJson", "sendAsPostParameters", "sendAsQueryString")
    )
    return Post(
        integration["value"],
        json=content if as_json or (template and not as_form) else None,
        form=_flatten(content) if as_form and not as_json else None,
        query=_flatten(content) if as_query or not (template or as_json or as_form) else {},
        headers={str(name): str(value) for name, value in (integration.get("customHeaders") or {}).items()},
    )


def _substitute(content: Any, variables: Mapping[str, str]) -> Any:
    """Replace *variables* in every string of parsed JSON, so that a quote in a value can't break it."""
    match content:
        case str():
            for name, value in variables.items():
                content = content.replace(f"*{name}*", value)
            return content
        case list():
            return [_substitute(item, variables) for item in content]
        case dict():
            return {key: _substitute(value, variables) for key, value in content.items()}
        case _:
            return content


def _flatten(content: Any) -> dict[str, str]:
    if not isinstance(content, dict):
        return {"value": str(content)}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}


def _pagerduty_event(variables: dict[str, str], text: str, direction: Direction) -> dict[str, Any]:
    """Return an event of PagerDuty's Events API v2 without the routing key."""
    trouble = "slow" if variables["alertType"] in {"4", "5"} else "down"
    return {
        "event_action": "trigger" if direction == "down" else "resolve",
        "dedup_key": f"uptimerobot-{variables['monitorID']}-{trouble}",
        "payload": {
            "summary": text,
            "source": variables["monitorURL"] or variables["monitorFriendlyName"],
            "severity": "critical" if trouble == "down" else "warning",
            "custom_details": variables,
        },
    }
