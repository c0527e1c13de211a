"""The model of PagerDuty: users, schedules, escalation policies, services and their integrations."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, VendorModel, find_matching, merge
from twin.vendor.store import Attributes

EVENTS_V2: Final = "events_api_v2_inbound_integration"
KEY_CHARACTERS: Final = 32

_NAMED: Final = ("escalationPolicy", "schedule", "service")
_SERVICE_DEFAULTS: Final[Attributes] = {
    "acknowledgementTimeout": "1800",
    "alertCreation": "create_alerts_and_incidents",
    "autoResolveTimeout": "14400",
    "incidentUrgencyRule": {"type": "constant", "urgency": "high"},
}
"""Source: the provider's defaults for both timeouts, in seconds; an account's services have high urgency."""


class PagerDutyAccount(VendorModel):
    """One account. Its users exist before any stack: nobody is hired by a program."""

    vendor: ClassVar[str] = "pagerduty"
    secret_name: ClassVar[str] = "PAGERDUTY_TOKEN"  # noqa: S105 - the name under which it is kept

    def invite(self, email: str) -> None:
        """Add a user, once: one that was deleted since stays so."""
        with self.store.transaction():
            if self.store.get(self.vendor, "invitation", email) is None:
                self.store.insert(self.vendor, "invitation", email, {})
                self.create("user", {"email": email, "name": email.partition("@")[0]})

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        with self.store.transaction():
            identifier = self._next_id()
            created = self._complete(kind, identifier, merge({}, attributes), {})
            self._insert(kind, identifier, created, request)
        return identifier, self._to_response(kind, created)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        stored = self.store.get(self.vendor, kind, identifier)
        return None if stored is None else self._to_response(kind, stored)

    def list_objects(self, kind: str) -> dict[str, Attributes]:
        objects = self.store.list(self.vendor, kind).items()
        return {identifier: self._to_response(kind, stored) for identifier, stored in objects}

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            before = self._require_object(kind, identifier)
            changed = self._complete(kind, identifier, merge(before, attributes), before)
            self.store.replace(self.vendor, kind, identifier, changed)
        return self._to_response(kind, changed)

    def delete(self, kind: str, identifier: str) -> None:
        """Remove an object; what is in use is refused (400), as the vendor documents it."""
        with self.store.transaction():
            self._require_object(kind, identifier)
            match kind:
                case "escalationPolicy":
                    self._refuse_use("escalation policy", self._list_services_of(identifier))
                case "schedule":
                    self._refuse_use("schedule", self._list_policies_of(identifier))
                case "user":
                    self._remove_from_duty(identifier)
                case "service":
                    for each, integration in self.store.list(self.vendor, "serviceIntegration").items():
                        if integration["service"] == identifier:
                            self._remove("serviceIntegration", each)
                    self._end_incidents(identifier)
                case _:
                    pass
            self._remove(kind, identifier)

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        if function != "getUser":
            raise VendorError(404, f"The twin has no {function}.")
        # Source: the provider compares the whole address, in its upper and lower case.
        found = find_matching(self.list_objects("user"), dict(arguments))
        if not found:
            raise VendorError(404, f"Unable to locate any user with the email: {arguments.get('email')}")
        return found[0]

    def _next_id(self) -> str:
        return f"P{self.store.next_number(self.vendor):06X}"

    def _complete(self, kind: str, identifier: str, wanted: Attributes, before: Attributes) -> Attributes:
        """Check the attributes of an object and add the vendor's own. Raises VendorError."""
        if kind in _NAMED:
            self._check_name(kind, identifier, wanted)
        complete: dict[str, Callable[[], Attributes]] = {
            "escalationPolicy": lambda: self._complete_policy(wanted),
            "schedule": lambda: self._complete_schedule(wanted, before),
            "service": lambda: self._complete_service(identifier, wanted),
            "serviceIntegration": lambda: self._complete_integration(identifier, wanted, before),
            "user": lambda: {
                "role": "user",
                "timeZone": "Etc/UTC",
                "jobTitle": "",
                "description": "",
                **wanted,
            },
        }
        return {**complete[kind](), "id": identifier}

    def _to_response(self, kind: str, stored: Attributes) -> Attributes:
        if kind != "schedule":
            return stored
        # The provider skips the layers that have ended: they can't be deleted.
        return {**stored, "layers": split_layers(stored["layers"], datetime.now(UTC))[0]}

    def _check_name(self, kind: str, identifier: str, wanted: Attributes) -> None:
        others = self.store.list(self.vendor, kind).items()
        if any(other["name"] == wanted["name"] for other_id, other in others if other_id != identifier):
            raise VendorError(400, f"Name has already been taken: {wanted['name']}.")

    def _complete_policy(self, wanted: Attributes) -> Attributes:
        rules: list[Attributes] = []
        for number, rule in enumerate(wanted["rules"], 1):
            targets = [{"type": "user_reference", **target} for target in rule.get("targets") or []]
            if not targets:
                raise VendorError(400, f"Escalation rule {number} must have at least one target.")
            for target in targets:
                self._require_target(target)
            rules.append({"id": self._next_id(), **rule, "targets": targets})
        return {"numLoops": 0, **wanted, "rules": rules}

    def _require_target(self, target: Attributes) -> None:
        kind = str(target["type"]).removesuffix("_reference")
        if kind not in {"user", "schedule"} or self.store.get(self.vendor, kind, target["id"]) is None:
            raise VendorError(400, f"The account has no {kind} {target['id']}.")

    def _complete_schedule(self, wanted: Attributes, before: Attributes) -> Attributes:
        try:
            ZoneInfo(wanted["timeZone"])
        except (ZoneInfoNotFoundError, ValueError):
            raise VendorError(400, f"{wanted['timeZone']} is no time zone.") from None
        for layer in wanted["layers"]:
            for user in layer["users"]:
                if self.store.get(self.vendor, "user", user) is None:
                    raise VendorError(400, f"The account has no user {user}.")
        now = datetime.now(UTC)
        active, ended = split_layers(before.get("layers", []), now)
        # A layer keeps its id by its position, and one that is left out can only be ended.
        ids = [layer["id"] for layer in active]
        layers = [
            {**layer, "id": ids[number] if number < len(ids) else self._next_id()}
            for number, layer in enumerate(wanted["layers"])
        ]
        ended += [{**layer, "end": now.isoformat(timespec="seconds")} for layer in active[len(layers) :]]
        coverage = {"name": "Final Schedule", "renderedCoveragePercentage": "0.0"}
        return {"teams": [], **wanted, "layers": [*layers, *ended], "finalSchedules": [coverage]}

    def _complete_service(self, identifier: str, wanted: Attributes) -> Attributes:
        policy = wanted.get("escalationPolicy", "")
        if self.store.get(self.vendor, "escalationPolicy", policy) is None:
            raise VendorError(400, f"The account has no escalation policy {policy}.")
        for name in ("acknowledgementTimeout", "autoResolveTimeout"):
            if name in wanted and wanted[name] != "null" and not str(wanted[name]).isdigit():
                raise VendorError(400, f"{name} is {wanted[name]!r}, which is no number of seconds.")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        computed: Attributes = {
            "alertGrouping": "",
            "alertGroupingTimeout": "",
            "autoPauseNotificationsParameters": {"enabled": False, "timeout": 0},
            "createdAt": now,
            "htmlUrl": f"https://example.pagerduty.com/service-directory/{identifier}",
            "lastIncidentTimestamp": "",
            "responsePlay": "",
            "status": "",
            "type": "service",
        }
        return {**computed, **_SERVICE_DEFAULTS, **wanted}

    def _complete_integration(self, identifier: str, wanted: Attributes, before: Attributes) -> Attributes:
        service = wanted["service"]
        if self.store.get(self.vendor, "service", service) is None:
            raise VendorError(404, f"The account has no service {service}.")
        return {
            **dict.fromkeys(("emailFilterMode", "emailIncidentCreation", "emailParsingFallback"), ""),
            "emailFilters": [],
            "integrationEmail": "",
            "type": "",
            "vendor": "",
            **wanted,
            "htmlUrl": f"https://example.pagerduty.com/services/{service}/integrations/{identifier}",
            # An input with the key is ignored: the vendor draws it.
            "integrationKey": before.get("integrationKey") or secrets.token_hex(KEY_CHARACTERS // 2),
        }

    def _list_services_of(self, policy: str) -> Iterator[str]:
        for service in self.store.list(self.vendor, "service").values():
            if service["escalationPolicy"] == policy:
                yield f"the service {service['name']}"

    def _list_policies_of(self, target: str) -> Iterator[str]:
        for policy in self.store.list(self.vendor, "escalationPolicy").values():
            if any(one["id"] == target for rule in policy["rules"] for one in rule["targets"]):
                yield f"the escalation policy {policy['name']}"

    def _refuse_use(self, what: str, users: Iterator[str]) -> None:
        if used_by := sorted(users):
            raise VendorError(400, f"The {what} can't be deleted: {', '.join(used_by)} uses it.")

    def _remove_from_duty(self, user: str) -> None:
        """Take a user out of schedules and policies; refuse it (400) where nobody would be left."""
        for identifier, policy in self.store.list(self.vendor, "escalationPolicy").items():
            rules = [
                _without(rule, "targets", lambda target: target["id"] == user) for rule in policy["rules"]
            ]
            if any(not rule["targets"] for rule in rules):
                self._refuse_use("user", iter([f"the escalation policy {policy['name']}"]))
            self.store.replace(self.vendor, "escalationPolicy", identifier, {**policy, "rules": rules})
        for identifier, schedule in self.store.list(self.vendor, "schedule").items():
            layers = [_without(layer, "users", lambda person: person == user) for layer in schedule["layers"]]
            if any(not layer["users"] for layer in layers):
                self._refuse_use("user", iter([f"the schedule {schedule['name']}"]))
            self.store.replace(self.vendor, "schedule", identifier, {**schedule, "layers": layers})

    def _end_incidents(self, service: str) -> None:
        for number, incident in self.store.list(self.vendor, "incident").items():
            if incident["service"] == service:
                self.store.remove(self.vendor, "incident", number)


def split_layers(layers: list[Attributes], now: datetime) -> tuple[list[Attributes], list[Attributes]]:
    """Return the layers of a schedule that are active or to come, and those that have ended."""
    ended = [layer for layer in layers if layer.get("end") and datetime.fromisoformat(layer["end"]) <= now]
    return [layer for layer in layers if layer not in ended], ended


def _without(holder: Attributes, name: str, drops: Callable[[Any], bool]) -> Attributes:
    return {**holder, name: [one for one in holder[name] if not drops(one)]}
