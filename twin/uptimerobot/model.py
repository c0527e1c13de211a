"""The model of UptimeRobot: monitors, contacts, maintenance windows, groups and status pages."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, VendorModel, find_matching, merge, require_single
from twin.vendor.store import Attributes


class AccountPlan(NamedTuple):
    """What the plan of an account allows."""

    shortest_interval_seconds: int
    requests_per_minute: int
    heartbeats: bool
    delayed_alerts: bool


PLANS = {
    "free": AccountPlan(300, 10, heartbeats=False, delayed_alerts=False),
    "solo": AccountPlan(60, 20, heartbeats=True, delayed_alerts=True),
    "team": AccountPlan(60, 200, heartbeats=True, delayed_alerts=True),
    "enterprise": AccountPlan(30, 400, heartbeats=True, delayed_alerts=True),
}
"""Source: uptimerobot.com/pricing and /api/v3, and the provider's notes on the free plan."""
DEFAULT_PLAN = "team"

_PAGE_DEFAULTS: Attributes = {
    "autoAddMonitors": False,
    "customDomain": "",
    "hideUrlLinks": False,
    "homepageLink": "",
    "monitorIds": [],
    "noIndex": False,
    "pinnedAnnouncementId": 0,
    "shareAnalyticsConsent": False,
    "showCookieBar": False,
    "status": "ENABLED",
    "subscription": False,
    "tagIds": [],
    "useSmallCookieConsentModal": False,
}
_ALL = [0]
"""The monitorIds of a status page that shows all monitors."""
_ECHOES_VALUE = {"webhook", "slack", "discord", "msteams", "googlechat", "splunk", "zapier", "mattermost"}
_IGNORES_CUSTOM_VALUE = {"msteams", "zapier", "splunk", "pushbullet", "pagerduty", "webhook"}
_MONITOR_SWITCHES = (
    "sslExpirationReminder",
    "domainExpirationReminder",
    "followRedirections",
    "checkSslErrors",
)
_WEBHOOK_FLAGS = ("sendAsJson", "sendAsQueryString", "sendAsPostParameters")
_PAGERDUTY_KEY_CHARACTERS = 32


class UptimeRobot(VendorModel):
    """One account. Ids are numbers, as text. The plan is `team`, or that of the store's `account`."""

    vendor: ClassVar[str] = "uptimerobot"
    secret_name: ClassVar[str] = "UPTIMEROBOT_API_KEY"  # noqa: S105 - the name under which it is kept

    @property
    def plan_name(self) -> str:
        account = self.store.get(self.vendor, "account", "0") or {}
        return account.get("plan", DEFAULT_PLAN)

    @property
    def plan(self) -> AccountPlan:
        return PLANS[self.plan_name]

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        with self.store.transaction():
            identifier = self._next_id()
            created = self._complete(kind, merge({"id": identifier}, attributes))
            self._insert(kind, identifier, created, request)
        return identifier, self._to_response(kind, created)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        stored = self.store.get(self.vendor, kind, identifier)
        return None if stored is None else self._to_response(kind, stored)

    def list_objects(self, kind: str) -> dict[str, Attributes]:
        return {id_: self._to_response(kind, stored) for id_, stored in self._list_stored(kind).items()}

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            changed = self._complete(kind, merge(self._require_object(kind, identifier), attributes))
            self.store.replace(self.vendor, kind, identifier, changed)
        return self._to_response(kind, changed)

    def delete(self, kind: str, identifier: str) -> None:
        with self.store.transaction():
            removed = self._require_object(kind, identifier)
            self._remove(kind, identifier)
            self._remove_references(kind, identifier, removed)

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        kind = function.removeprefix("get").removesuffix("s")
        kind = kind[0].lower() + kind[1:]
        criteria = {name: value for name, value in arguments.items() if value is not None}
        objects = self.list_objects(kind)
        if function == "getAlertContacts":
            contacts = find_matching(objects, criteria)
            return {**criteria, "contacts": contacts, "ids": [contact["id"] for contact in contacts]}
        if not criteria:
            raise VendorError(400, f"{function} needs an id or another criterion.")
        return require_single(find_matching(objects, criteria), kind)

    def _complete(self, kind: str, wanted: Attributes) -> Attributes:
        """Check the attributes of an object and add the vendor's defaults. Raises VendorError."""
        complete = {
            "monitor": self._complete_monitor,
            "integration": self._complete_integration,
            "alertContact": _complete_contact,
            "maintenanceWindow": self._complete_window,
            "monitorGroup": _complete_group,
            "psp": self._complete_status_page,
        }[kind]
        return complete(wanted)

    def _to_response(self, kind: str, stored: Attributes) -> Attributes:
        """Return an object without the attributes that the API never shows."""
        hidden = {"password"} if kind == "psp" else set[str]()
        if kind == "integration" and stored["type"] not in _ECHOES_VALUE:
            hidden = {"value"}
        response = {name: value for name, value in stored.items() if name not in hidden}
        if kind == "psp":
            all_monitors = response["autoAddMonitors"]
            shown = self._list_stored("monitor") if all_monitors else response["monitorIds"]
            response |= {
                "monitorsCount": len(shown),
                "monitorIds": _ALL if all_monitors else response["monitorIds"],
            }
        return response

    def _list_stored(self, kind: str) -> dict[str, Attributes]:
        objects = self.store.list(self.vendor, kind)
        if kind == "alertContact" and not objects:
            # The address that the account was opened with is a contact from the start.
            with self.store.transaction():
                owner = {"id": self._next_id(), "name": "Account e-mail", "type": "email"}
                owner["value"] = "account@twin.invalid"
                self.store.insert(self.vendor, kind, owner["id"], _complete_contact(dict(owner)))
                objects = self.store.list(self.vendor, kind)
        return objects

    def _complete_monitor(self, wanted: Attributes) -> Attributes:
        plan, type_ = self.plan, wanted["type"]
        if wanted["interval"] < plan.shortest_interval_seconds:
            raise VendorError(
                400,
                f"interval must be at least {plan.shortest_interval_seconds} seconds on this account's plan.",
            )
        if type_ == "HEARTBEAT" and not plan.heartbeats:
            raise VendorError(403, "Heartbeat monitors are not available on the free plan.")
        self._check_contacts(wanted.get("assignedAlertContacts", []), plan)
        self._check_references("maintenanceWindow", wanted.get("maintenanceWindowIds", []))
        self._check_references("monitorGroup", [group for group in (wanted.get("groupId", 0),) if group])
        if type_ == "HEARTBEAT" and not wanted.get("url"):
            key = secrets.token_urlsafe(18)
            wanted["url"] = f"http://127.0.0.1:{self.home.port('vendors')}/heartbeat/{key}"
        body = "KEY_VALUE" if "postValueKv" in wanted else "RAW_JSON" if "postValueData" in wanted else None
        defaults: Attributes = {
            **dict.fromkeys(_MONITOR_SWITCHES, False),
            "authType": "HTTP_BASIC",
            "groupId": 0,
            "tags": [],
            "successHttpResponseCodes": ["2xx", "3xx"],
        }
        if type_ in {"HTTP", "KEYWORD", "API"}:
            defaults["httpMethodType"] = "POST" if body else "GET"
        if type_ not in {"HEARTBEAT", "DNS"}:
            defaults["timeout"] = 30
        headers, status = wanted.get("customHttpHeaders"), wanted.get("status", "UP")
        return merge(
            {**defaults, **wanted},
            {
                "customHttpHeaders": headers and {name.lower(): value for name, value in headers.items()},
                "postValueType": body,
                "status": "PAUSED" if wanted.get("isPaused") else status if status != "PAUSED" else "UP",
            },
        )

    def _check_contacts(self, assigned: list[Attributes], plan: AccountPlan) -> None:
        known = self._list_stored("alertContact").keys() | self._list_stored("integration").keys()
        unknown = sorted({str(contact["alertContactId"]) for contact in assigned} - known)
        if unknown:
            raise VendorError(
                400, f"Some alert contacts were not applied: the account has no {', '.join(unknown)}."
            )
        if not plan.delayed_alerts and any(c["threshold"] or c["recurrence"] for c in assigned):
            raise VendorError(400, "threshold and recurrence of alert contacts must be 0 on the free plan.")

    def _check_references(self, kind: str, identifiers: list[Any]) -> None:
        unknown = sorted({str(identifier) for identifier in identifiers} - self._list_stored(kind).keys())
        if unknown:
            raise VendorError(400, f"The account has no {kind} {', '.join(unknown)}.")

    def _complete_integration(self, wanted: Attributes) -> Attributes:
        type_ = wanted["type"]
        if type_ == "pagerduty" and len(wanted.get("value", "")) < _PAGERDUTY_KEY_CHARACTERS:
            raise VendorError(
                400, f"integrationKey must be at least {_PAGERDUTY_KEY_CHARACTERS} characters long."
            )
        duplicates = [
            id_
            for id_, other in self._list_stored("integration").items()
            if id_ != wanted["id"] and (other["type"], _target(other)) == (type_, _target(wanted))
        ]
        if duplicates:
            raise VendorError(409, f"The integration exists already as {duplicates[0]}: import it.")
        if type_ in _IGNORES_CUSTOM_VALUE:
            wanted.pop("customValue", None)
        if type_ == "mattermost":
            wanted.setdefault("customValue", "")
        if type_ == "pagerduty":
            wanted = {"autoResolve": False, **wanted}
        if type_ == "webhook":
            wanted = {**dict.fromkeys(_WEBHOOK_FLAGS, False), **wanted}
            if "postValue" in wanted:
                wanted["postValue"] = _compact_json(wanted["postValue"])
        return {"status": "Active", **wanted}

    def _complete_window(self, wanted: Attributes) -> Attributes:
        monitors = wanted.get("monitorIds", [])
        all_monitors = wanted.get("autoAddMonitors", monitors == [0])
        self._check_references("monitor", [monitor for monitor in monitors if monitor])
        if wanted["interval"] == "once" and "date" not in wanted:
            raise VendorError(400, "date is required when interval is once.")
        return {**wanted, "monitorIds": monitors, "autoAddMonitors": all_monitors, "status": "ACTIVE"}

    def _complete_status_page(self, wanted: Attributes) -> Attributes:
        if wanted.get("monitorIds") == _ALL:
            wanted |= {"autoAddMonitors": True, "monitorIds": []}
        self._check_references("monitor", wanted.get("monitorIds", []))
        if wanted.get("autoAddMonitors") and (wanted.get("monitorIds") or wanted.get("tagIds")):
            raise VendorError(400, "autoAddMonitors excludes explicit monitorIds and tagIds.")
        secret = wanted.get("password")
        return {
            "urlKey": secrets.token_urlsafe(8),
            **_PAGE_DEFAULTS,
            **wanted,
            "isPasswordSet": bool(secret),
        }

    def _remove_references(self, kind: str, identifier: str, removed: Attributes) -> None:
        """Remove the id of a removed object from the objects that name it."""
        match kind:
            case "monitor":
                self._update_all("psp", lambda page: _remove_item(page, "monitorIds", identifier))
                self._update_all(
                    "maintenanceWindow", lambda window: _remove_item(window, "monitorIds", identifier)
                )
            case "maintenanceWindow":
                self._update_all(
                    "monitor", lambda monitor: _remove_item(monitor, "maintenanceWindowIds", identifier)
                )
            case "integration" | "alertContact":
                self._update_all("monitor", lambda monitor: _remove_contact(monitor, identifier))
            case "monitorGroup":
                new_group = removed.get("monitorsNewGroupId", 0)
                self._update_all(
                    "monitor",
                    lambda monitor: (
                        {**monitor, "groupId": new_group}
                        if str(monitor["groupId"]) == identifier
                        else monitor
                    ),
                )
            case _:
                pass

    def _update_all(self, kind: str, change: Callable[[Attributes], Attributes]) -> None:
        for identifier, before in self.store.list(self.vendor, kind).items():
            after = change(before)
            if after != before:
                self.store.replace(self.vendor, kind, identifier, after)


def _target(integration: Attributes) -> str:
    """Return the address or key to which messages go; for Telegram the chat's id."""
    return str(integration.get("value") or integration.get("customValue"))


def _complete_contact(wanted: Attributes) -> Attributes:
    return {
        "isActive": True,
        "mobileProviderId": 0,
        "notificationEvents": "up_and_down",
        "orgAlertContactId": int(wanted["id"]),
        "sslExpirationReminder": False,
        **wanted,
        "status": "active" if wanted.get("isActive", True) else "paused",
    }


def _complete_group(wanted: Attributes) -> Attributes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"createdAt": now, **wanted, "updatedAt": now}


def _compact_json(text: str) -> str:
    """Return JSON text without spaces, as the vendor returns it; other text unchanged."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


def _remove_item(holder: Attributes, name: str, identifier: str) -> Attributes:
    if name not in holder:
        return holder
    return {**holder, name: [item for item in holder[name] if str(item) != identifier]}


def _remove_contact(monitor: Attributes, identifier: str) -> Attributes:
    if "assignedAlertContacts" not in monitor:
        return monitor
    kept = [c for c in monitor["assignedAlertContacts"] if str(c["alertContactId"]) != identifier]
    return {**monitor, "assignedAlertContacts": kept}
