"""UptimeRobot as the twin models it: monitors, where they report to, windows, groups and status pages."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from twin.vendor.errors import VendorError
from twin.vendor.model import Made, VendorModel, matching, merged, only
from twin.vendor.store import Attributes


class AccountPlan(NamedTuple):
    """What an account may do. The interval is in seconds."""

    shortest_interval: int
    requests_per_minute: int
    heartbeats: bool
    delayed_alerts: bool


PLANS = {
    "free": AccountPlan(300, 10, heartbeats=False, delayed_alerts=False),
    "solo": AccountPlan(60, 20, heartbeats=True, delayed_alerts=True),
    "team": AccountPlan(60, 200, heartbeats=True, delayed_alerts=True),
    "enterprise": AccountPlan(30, 400, heartbeats=True, delayed_alerts=True),
}
"""Source: uptimerobot.com/pricing and /api/v3, and the provider's own notes on the free plan."""
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
"""What a status page of all monitors has for their ids."""
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
    """One account. Ids are numbers, as text. `account` in the store may hold another plan than `team`."""

    vendor: ClassVar[str] = "uptimerobot"
    secret_name: ClassVar[str] = "uptimerobot_api_key"  # noqa: S105 - the name under which it is kept

    @property
    def plan_name(self) -> str:
        account = self.store.get(self.vendor, "account", "0") or {}
        return account.get("plan", DEFAULT_PLAN)

    @property
    def plan(self) -> AccountPlan:
        return PLANS[self.plan_name]

    def _create(self, kind: str, attributes: Attributes, request: str) -> Made:
        with self.store.transaction():
            identifier = self._number()
            made = self._rule(kind)(merged({"id": identifier}, attributes))
            self._insert(kind, identifier, made, request)
        return identifier, self._answer(kind, made)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        found = self.store.get(self.vendor, kind, identifier)
        return None if found is None else self._answer(kind, found)

    def every(self, kind: str) -> dict[str, Attributes]:
        return {identifier: self._answer(kind, found) for identifier, found in self._objects(kind).items()}

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            changed = self._rule(kind)(merged(self._existing(kind, identifier), attributes))
            self.store.replace(self.vendor, kind, identifier, changed)
        return self._answer(kind, changed)

    def delete(self, kind: str, identifier: str) -> None:
        with self.store.transaction():
            gone = self._existing(kind, identifier)
            self._remove(kind, identifier)
            self._detach(kind, identifier, gone)

    def lookup(self, function: str, arguments: Attributes) -> Attributes:
        kind = function.removeprefix("get").removesuffix("s")
        kind = kind[0].lower() + kind[1:]
        criteria = {name: value for name, value in arguments.items() if value is not None}
        answers = self.every(kind)
        if function == "getAlertContacts":
            contacts = matching(answers, criteria)
            return {**criteria, "contacts": contacts, "ids": [contact["id"] for contact in contacts]}
        if not criteria:
            raise VendorError(400, f"{function} needs an id or another criterion.")
        return only(matching(answers, criteria), kind)

    def _rule(self, kind: str) -> Callable[[Attributes], Attributes]:
        return {
            "monitor": self._monitor,
            "integration": self._integration,
            "alertContact": _contact,
            "maintenanceWindow": self._window,
            "monitorGroup": _group,
            "psp": self._page,
        }[kind]

    def _answer(self, kind: str, stored: Attributes) -> Attributes:
        """Leave out what the API never tells."""
        hidden = {"password"} if kind == "psp" else set[str]()
        if kind == "integration" and stored["type"] not in _ECHOES_VALUE:
            hidden = {"value"}
        answer = {name: value for name, value in stored.items() if name not in hidden}
        if kind == "psp":
            everything = answer["autoAddMonitors"]
            shown = self._objects("monitor") if everything else answer["monitorIds"]
            answer |= {
                "monitorsCount": len(shown),
                "monitorIds": _ALL if everything else answer["monitorIds"],
            }
        return answer

    def _objects(self, kind: str) -> dict[str, Attributes]:
        found = self.store.list(self.vendor, kind)
        if kind == "alertContact" and not found:
            # The address that the account was opened with is a contact from the start.
            with self.store.transaction():
                owner = {"id": self._number(), "name": "Account e-mail", "type": "email"}
                owner["value"] = "account@twin.invalid"
                self.store.insert(self.vendor, kind, owner["id"], _contact(dict(owner)))
                found = self.store.list(self.vendor, kind)
        return found

    def _monitor(self, wanted: Attributes) -> Attributes:
        plan, type_ = self.plan, wanted["type"]
        if wanted["interval"] < plan.shortest_interval:
            raise VendorError(
                400, f"interval must be at least {plan.shortest_interval} seconds on this account's plan."
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
        headers, seen = wanted.get("customHttpHeaders"), wanted.get("status", "UP")
        return merged(
            {**defaults, **wanted},
            {
                "customHttpHeaders": headers and {name.lower(): value for name, value in headers.items()},
                "postValueType": body,
                "status": "PAUSED" if wanted.get("isPaused") else seen if seen != "PAUSED" else "UP",
            },
        )

    def _check_contacts(self, assigned: list[Attributes], plan: AccountPlan) -> None:
        known = self._objects("alertContact").keys() | self._objects("integration").keys()
        unknown = sorted({str(contact["alertContactId"]) for contact in assigned} - known)
        if unknown:
            raise VendorError(
                400, f"Some alert contacts were not applied: the account has no {', '.join(unknown)}."
            )
        if not plan.delayed_alerts and any(c["threshold"] or c["recurrence"] for c in assigned):
            raise VendorError(400, "threshold and recurrence of alert contacts must be 0 on the free plan.")

    def _check_references(self, kind: str, identifiers: list[Any]) -> None:
        unknown = sorted({str(identifier) for identifier in identifiers} - self._objects(kind).keys())
        if unknown:
            raise VendorError(400, f"The account has no {kind} {', '.join(unknown)}.")

    def _integration(self, wanted: Attributes) -> Attributes:
        type_ = wanted["type"]
        if type_ == "pagerduty" and len(wanted.get("value", "")) < _PAGERDUTY_KEY_CHARACTERS:
            raise VendorError(
                400, f"integrationKey must be at least {_PAGERDUTY_KEY_CHARACTERS} characters long."
            )
        twin = [
            id_
            for id_, other in self._objects("integration").items()
            if id_ != wanted["id"] and (other["type"], _target(other)) == (type_, _target(wanted))
        ]
        if twin:
            raise VendorError(409, f"The integration exists already as {twin[0]}: import it.")
        if type_ in _IGNORES_CUSTOM_VALUE:
            wanted.pop("customValue", None)
        if type_ == "mattermost":
            wanted.setdefault("customValue", "")
        if type_ == "pagerduty":
            wanted = {"autoResolve": False, **wanted}
        if type_ == "webhook":
            wanted = {**dict.fromkeys(_WEBHOOK_FLAGS, False), **wanted}
            if "postValue" in wanted:
                wanted["postValue"] = _compact(wanted["postValue"])
        return {"status": "Active", **wanted}

    def _window(self, wanted: Attributes) -> Attributes:
        monitors = wanted.get("monitorIds", [])
        everything = wanted.get("autoAddMonitors", monitors == [0])
        self._check_references("monitor", [monitor for monitor in monitors if monitor])
        if wanted["interval"] == "once" and "date" not in wanted:
            raise VendorError(400, "date is required when interval is once.")
        return {**wanted, "monitorIds": monitors, "autoAddMonitors": everything, "status": "ACTIVE"}

    def _page(self, wanted: Attributes) -> Attributes:
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

    def _detach(self, kind: str, identifier: str, gone: Attributes) -> None:
        """Take a removed object out of those that named it."""
        match kind:
            case "monitor":
                self._edit("psp", lambda page: _without(page, "monitorIds", identifier))
                self._edit("maintenanceWindow", lambda window: _without(window, "monitorIds", identifier))
            case "maintenanceWindow":
                self._edit("monitor", lambda monitor: _without(monitor, "maintenanceWindowIds", identifier))
            case "integration" | "alertContact":
                self._edit("monitor", lambda monitor: _without_contact(monitor, identifier))
            case "monitorGroup":
                heir = gone.get("monitorsNewGroupId", 0)
                self._edit(
                    "monitor",
                    lambda m: {**m, "groupId": heir} if str(m["groupId"]) == identifier else m,
                )
            case _:
                pass

    def _edit(self, kind: str, change: Callable[[Attributes], Attributes]) -> None:
        for identifier, before in self.store.list(self.vendor, kind).items():
            after = change(before)
            if after != before:
                self.store.replace(self.vendor, kind, identifier, after)


def _target(integration: Attributes) -> str:
    """Return the address or key that messages go to; for Telegram it is the chat's id."""
    return str(integration.get("value") or integration.get("customValue"))


def _contact(wanted: Attributes) -> Attributes:
    return {
        "isActive": True,
        "mobileProviderId": 0,
        "notificationEvents": "up_and_down",
        "orgAlertContactId": int(wanted["id"]),
        "sslExpirationReminder": False,
        **wanted,
        "status": "active" if wanted.get("isActive", True) else "paused",
    }


def _group(wanted: Attributes) -> Attributes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"createdAt": now, **wanted, "updatedAt": now}


def _compact(text: str) -> str:
    """Rewrite JSON without spaces, as the vendor gives it back."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


def _without(holder: Attributes, name: str, identifier: str) -> Attributes:
    if name not in holder:
        return holder
    return {**holder, name: [item for item in holder[name] if str(item) != identifier]}


def _without_contact(monitor: Attributes, identifier: str) -> Attributes:
    if "assignedAlertContacts" not in monitor:
        return monitor
    kept = [c for c in monitor["assignedAlertContacts"] if str(c["alertContactId"]) != identifier]
    return {**monitor, "assignedAlertContacts": kept}
