"""PagerDuty's incidents: opened and resolved by events, escalated by the clock, acknowledged by people."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from twin.host.time_scale import TimeScale
from twin.pagerduty.duty import list_people
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes, VendorStore
from twin.vendor.webhooks import WebhookSender

Action = Literal["trigger", "acknowledge", "resolve"]

_INCIDENT: Final = "incident"
_LOUD: Final = frozenset({"critical", "error"})
"""Severities of events that are urgent where a service's urgency follows the severity."""


class Incidents:
    """
    The incidents of an account. Each call of a person goes to the inbox's channel `pagerduty:<e-mail>`.

    A stored incident has `service`, `integration`, `dedupKey`, `summary`, `urgency`, `status` (triggered,
    acknowledged, resolved), `level` and `loop` (from 0), `assigned` (users), and in Unix time `opened`,
    `called` (of its level) and `acknowledged`.
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, sender: WebhookSender) -> None:
        """Take the sender's own store: a call is part of the transaction in which its incident changes."""
        self._store = store
        self._time_scale = time_scale
        self._sender = sender

    def accept(self, key: str, action: Action, dedup_key: str, payload: Mapping[str, Any]) -> None:
        """
        Take an event of the Events API v2.

        As at the vendor, nobody is told of an event with an unknown key, of an acknowledgement or a
        resolution without an open alert, and of a trigger while nobody is on call.
        """
        with self._store.transaction():
            integration = self._find_integration(key)
            if integration is None:
                return
            identifier, service = integration
            found = self._find_open(identifier, dedup_key)
            if found and action != "trigger":
                number, incident = found
                self._change_status(
                    number, incident, "acknowledged" if action == "acknowledge" else "resolved"
                )
            elif not found and action == "trigger":
                self._open(identifier, service, dedup_key, payload)

    def change(self, number: str, status: str) -> Attributes:
        """Acknowledge or resolve an incident as a user does; return it. Raises VendorError."""
        with self._store.transaction():
            incident = self._store.get("pagerduty", _INCIDENT, number)
            if incident is None:
                raise VendorError(404, f"There is no incident {number}.")
            if incident["status"] == "resolved":
                raise VendorError(400, "The incident is resolved already.")
            if status not in {"acknowledged", "resolved"}:
                raise VendorError(400, "The status must be acknowledged or resolved.")
            return self._change_status(number, incident, status)

    def tick(self) -> None:
        """Escalate, call again and resolve what is due."""
        for number, seen in self._store.list("pagerduty", _INCIDENT).items():
            if seen["status"] == "resolved":
                continue
            with self._store.transaction():
                # Read within the transaction: somebody may acknowledge it at the same time.
                incident = self._store.get("pagerduty", _INCIDENT, number)
                if incident and incident["status"] != "resolved":
                    self._go_on(number, incident, time.time())

    def _open(self, integration: str, service_id: str, dedup_key: str, payload: Mapping[str, Any]) -> None:
        now, service = time.time(), self._require("service", service_id)
        urgency = str((service.get("incidentUrgencyRule") or {}).get("urgency") or "high")
        if urgency == "severity_based":
            urgency = "high" if payload["severity"] in _LOUD else "low"
        incident: Attributes = {
            "service": service_id,
            "integration": integration,
            "dedupKey": dedup_key,
            "summary": payload["summary"],
            "urgency": urgency,
            "status": "triggered",
            "level": -1,
            "loop": 0,
            "assigned": [],
            "opened": now,
            "called": now,
            "acknowledged": None,
        }
        number = f"Q{self._store.next_number('pagerduty'):06X}"
        if opened := self._call_next(number, incident, now):
            self._store.insert("pagerduty", _INCIDENT, number, opened)
        else:
            self._record("nobody", incident, number, "Dropped", "nobody is on call at any level")

    def _go_on(self, number: str, incident: Attributes, now: float) -> None:
        service = self._require("service", incident["service"])
        if self._is_over(service["autoResolveTimeout"], incident["opened"], now):
            self._change_status(number, incident, "resolved")
            return
        if incident["status"] == "acknowledged":
            if self._is_over(service["acknowledgementTimeout"], incident["acknowledged"], now):
                people = dict.fromkeys([*incident["assigned"], *self._people(incident, now)])
                woken = {**incident, "status": "triggered", "assigned": list(people), "called": now}
                self._call(number, woken, "Called again")
                self._store.replace("pagerduty", _INCIDENT, number, woken)
            return
        rules, level = self._rules(incident), incident["level"]
        if incident["urgency"] == "low" or level >= len(rules):
            return
        if now - incident["called"] >= self._time_scale.scale_minutes(
            rules[level]["escalationDelayInMinutes"]
        ):
            escalated = self._call_next(number, incident, now)
            if escalated:
                self._store.replace("pagerduty", _INCIDENT, number, escalated)

    def _call_next(self, number: str, incident: Attributes, now: float) -> Attributes | None:
        """Call the next level that has somebody and return the incident; None after the last one."""
        rules = self._rules(incident)
        loops = int(self._policy(incident).get("numLoops") or 0)
        level, loop = incident["level"], incident["loop"]
        for _ in range(len(rules) + 1):
            level += 1
            if level >= len(rules):
                level, loop = 0, loop + 1
            if loop > loops:
                return None
            at = datetime.fromtimestamp(now, UTC)
            if people := list_people(self._store, rules[level], at):
                called = {**incident, "level": level, "loop": loop, "assigned": people, "called": now}
                self._call(number, called, "Escalated" if incident["assigned"] else "Called")
                return called
        return None

    def _people(self, incident: Attributes, now: float) -> list[str]:
        rules = self._rules(incident)
        level = min(incident["level"], len(rules) - 1)
        return list_people(self._store, rules[level], datetime.fromtimestamp(now, UTC))

    def _call(self, number: str, incident: Attributes, event: str) -> None:
        for user_id in incident["assigned"]:
            if user := self._store.get("pagerduty", "user", user_id):
                self._record(user["email"], incident, number, event)

    def _record(self, contact: str, incident: Attributes, number: str, event: str, reason: str = "") -> None:
        service = self._require("service", incident["service"])["name"]
        body = {
            "incident": number,
            "service": service,
            "event": event,
            "level": incident["level"] + 1,
            "round": incident["loop"] + 1,
            "urgency": incident["urgency"],
            "summary": incident["summary"],
        }
        entry = {
            "source": "pagerduty",
            "kind": "call",
            "contact": contact,
            "service": service,
            "incident": number,
            "level": incident["level"] + 1,
            "title": incident["summary"],
            "event": event,
        }
        self._sender.enqueue(reason or self._sender.inbox_post(f"pagerduty:{contact}", body), entry)

    def _change_status(self, number: str, incident: Attributes, status: str) -> Attributes:
        changed = {**incident, "status": status}
        if status == "acknowledged":
            changed["acknowledged"] = time.time()
        self._store.replace("pagerduty", _INCIDENT, number, changed)
        return changed

    def _is_over(self, timeout: str, since: float, now: float) -> bool:
        """Tell whether a timeout of a service has passed; "null" never does."""
        return timeout != "null" and now - since >= self._time_scale.scale_seconds(float(timeout))

    def _find_integration(self, key: str) -> tuple[str, str] | None:
        """Return the id of the integration with a key, and that of its service."""
        for identifier, integration in self._store.list("pagerduty", "serviceIntegration").items():
            if integration["integrationKey"] == key:
                return identifier, integration["service"]
        return None

    def _find_open(self, integration: str, dedup_key: str) -> tuple[str, Attributes] | None:
        for number, incident in self._store.list("pagerduty", _INCIDENT).items():
            same = (incident["integration"], incident["dedupKey"]) == (integration, dedup_key)
            if same and incident["status"] != "resolved":
                return number, incident
        return None

    def _policy(self, incident: Attributes) -> Attributes:
        service = self._require("service", incident["service"])
        return self._require("escalationPolicy", service["escalationPolicy"])

    def _rules(self, incident: Attributes) -> list[Attributes]:
        return self._policy(incident)["rules"]

    def _require(self, kind: str, identifier: str) -> Attributes:
        found = self._store.get("pagerduty", kind, identifier)
        if found is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return found
