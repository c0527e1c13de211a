"""PagerDuty's objects between the model's names and those of the REST API."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from twin.pagerduty.model import PagerDutyAccount
from twin.vendor.store import Attributes

Json = dict[str, Any]


@dataclass(frozen=True)
class PagerDutyFormat:
    """The JSON of one kind: its name in requests and answers, and the conversions."""

    kind: str
    name: str
    plural: str
    to_json: Callable[[str, Attributes], Json]
    from_json: Callable[[Json], Attributes]


def _select(source: Json, names: dict[str, str]) -> Json:
    return {own: source[name] for name, own in names.items() if source.get(name) is not None}


def _policy_to_json(identifier: str, policy: Attributes) -> Json:
    rules = [
        {
            "id": rule["id"],
            "escalation_delay_in_minutes": rule["escalationDelayInMinutes"],
            "targets": rule["targets"],
        }
        for rule in policy["rules"]
    ]
    return {
        "id": identifier,
        "type": "escalation_policy",
        "name": policy["name"],
        "summary": policy["name"],
        "description": policy.get("description", ""),
        "num_loops": policy["numLoops"],
        "teams": [],
        "escalation_rules": rules,
    }


def _policy_from_json(wanted: Json) -> Attributes:
    attributes = _select(wanted, {"name": "name", "description": "description", "num_loops": "numLoops"})
    if "escalation_rules" in wanted:
        attributes["rules"] = [
            {
                "escalationDelayInMinutes": rule["escalation_delay_in_minutes"],
                # The provider sends no empty list, and a rule without one has no target.
                "targets": [_select(one, {"id": "id", "type": "type"}) for one in rule.get("targets") or []],
            }
            for rule in wanted["escalation_rules"]
        ]
    return attributes


_LAYER: Final = {
    "id": "id",
    "name": "name",
    "start": "start",
    "end": "end",
    "rotation_virtual_start": "rotationVirtualStart",
    "rotation_turn_length_seconds": "rotationTurnLengthSeconds",
}
_RESTRICTION: Final = {
    "type": "type",
    "start_time_of_day": "startTimeOfDay",
    "duration_seconds": "durationSeconds",
    "start_day_of_week": "startDayOfWeek",
}


def _schedule_to_json(identifier: str, schedule: Attributes) -> Json:
    def reverse(names: dict[str, str], attributes: Attributes) -> Json:
        return {name: attributes.get(own) for name, own in names.items()}

    layers = [
        {
            **reverse(_LAYER, layer),
            "users": [{"user": {"id": user, "type": "user_reference"}} for user in layer["users"]],
            "restrictions": [reverse(_RESTRICTION, one) for one in layer.get("restrictions") or []],
        }
        for layer in schedule["layers"]
    ]
    return {
        "id": identifier,
        "type": "schedule",
        "name": schedule["name"],
        "summary": schedule["name"],
        "description": schedule.get("description", ""),
        "time_zone": schedule["timeZone"],
        # Reversed: the layer that goes before the others is the first. The provider turns them round again.
        "schedule_layers": layers[::-1],
        "final_schedule": {"name": "Final Schedule", "rendered_coverage_percentage": 0.0},
        "teams": [],
    }


def _schedule_from_json(wanted: Json) -> Attributes:
    names = {"name": "name", "description": "description", "time_zone": "timeZone"}
    attributes = _select(wanted, names)
    if "schedule_layers" in wanted:
        attributes["layers"] = [
            {
                **_select(layer, _LAYER),
                "users": [one["user"]["id"] for one in layer["users"]],
                "restrictions": [_select(one, _RESTRICTION) for one in layer.get("restrictions") or []],
            }
            for layer in wanted["schedule_layers"]
        ]
    return attributes


def _service_to_json(identifier: str, service: Attributes) -> Json:
    timeouts = {
        name: None if service[own] == "null" else int(service[own])
        for name, own in (
            ("auto_resolve_timeout", "autoResolveTimeout"),
            ("acknowledgement_timeout", "acknowledgementTimeout"),
        )
    }
    return {
        "id": identifier,
        "type": "service",
        "name": service["name"],
        "summary": service["name"],
        "description": service.get("description", ""),
        "html_url": service["htmlUrl"],
        "created_at": service["createdAt"],
        "alert_creation": service["alertCreation"],
        "incident_urgency_rule": service["incidentUrgencyRule"],
        "escalation_policy": {"id": service["escalationPolicy"], "type": "escalation_policy_reference"},
        **timeouts,
    }


def _service_from_json(wanted: Json) -> Attributes:
    names = {"name": "name", "description": "description", "incident_urgency_rule": "incidentUrgencyRule"}
    attributes = _select(wanted, names)
    for name, own in (
        ("auto_resolve_timeout", "autoResolveTimeout"),
        ("acknowledgement_timeout", "acknowledgementTimeout"),
    ):
        if name in wanted:
            attributes[own] = "null" if wanted[name] is None else str(wanted[name])
    if policy := wanted.get("escalation_policy"):
        attributes["escalationPolicy"] = policy["id"]
    return attributes


def _user_to_json(identifier: str, user: Attributes) -> Json:
    names = {"name": "name", "email": "email", "role": "role", "time_zone": "timeZone"}
    shown = {name: user.get(own) for name, own in names.items()}
    return {"id": identifier, "type": "user", "summary": user["name"], **shown}


OBJECT_FORMATS: Final = (
    PagerDutyFormat(
        "escalationPolicy", "escalation_policy", "escalation_policies", _policy_to_json, _policy_from_json
    ),
    PagerDutyFormat("schedule", "schedule", "schedules", _schedule_to_json, _schedule_from_json),
    PagerDutyFormat("service", "service", "services", _service_to_json, _service_from_json),
    PagerDutyFormat(
        "user",
        "user",
        "users",
        _user_to_json,
        lambda wanted: _select(wanted, {"name": "name", "email": "email"}),
    ),
)


def integration_to_json(identifier: str, integration: Attributes) -> Json:
    """Return an integration; `vendor` is null for one that is made by its type."""
    vendor = integration["vendor"]
    return {
        "id": identifier,
        "type": integration["type"],
        "name": integration.get("name", ""),
        "integration_key": integration["integrationKey"],
        "html_url": integration["htmlUrl"],
        "service": {"id": integration["service"], "type": "service_reference"},
        "vendor": {"id": vendor, "type": "vendor_reference"} if vendor else None,
    }


def incident_to_json(model: PagerDutyAccount, number: str, incident: Attributes) -> Json:
    """Return an incident with the users that it is assigned to."""
    opened = datetime.fromtimestamp(incident["opened"], UTC)
    users = {user: model.read("user", user) for user in incident["assigned"]}
    return {
        "id": number,
        "type": "incident",
        "title": incident["summary"],
        "status": incident["status"],
        "urgency": incident["urgency"],
        "created_at": opened.isoformat(timespec="seconds"),
        "incident_key": incident["dedupKey"],
        "service": {"id": incident["service"], "type": "service_reference"},
        "assignments": [
            {"assignee": {"id": user, "type": "user_reference", "summary": (found or {}).get("name")}}
            for user, found in users.items()
        ],
    }
