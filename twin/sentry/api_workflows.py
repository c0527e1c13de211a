"""Sentry's workflows in words: what the API calls alerts, from and to the model's attributes."""

import re
from typing import Any

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_INTEGRATION = {"integrationId": "integrationId"}
_ACTIONS: dict[str, dict[str, str]] = {
    "email": {
        "targetType": "config.targetType",
        "targetId": "config.targetIdentifier",
        "fallthroughType": "data.fallthroughType",
    },
    "slack": {
        **_INTEGRATION,
        "channelId": "config.targetIdentifier",
        "channelName": "config.targetDisplay",
        "tags": "data.tags",
        "notes": "data.notes",
    },
    "pagerduty": {
        **_INTEGRATION,
        "serviceId": "config.targetIdentifier",
        "serviceName": "config.targetDisplay",
        "severity": "data.priority",
    },
    "discord": {**_INTEGRATION, "channelId": "config.targetIdentifier", "tags": "data.tags"},
    "msteams": {**_INTEGRATION, "teamId": "config.targetIdentifier", "channelName": "config.targetDisplay"},
    "opsgenie": {
        **_INTEGRATION,
        "teamId": "config.targetIdentifier",
        "teamName": "config.targetDisplay",
        "priority": "data.priority",
    },
    "vsts": {
        **_INTEGRATION,
        "project": "data.additionalFields.project",
        "workItemType": "data.additionalFields.work_item_type",
    },
    "jira": {
        **_INTEGRATION,
        "project": "data.additionalFields.project",
        "issueType": "data.additionalFields.issuetype",
    },
    "jiraServer": {
        **_INTEGRATION,
        "project": "data.additionalFields.project",
        "issueType": "data.additionalFields.issuetype",
    },
    "github": {
        **_INTEGRATION,
        "repo": "data.additionalFields.repo",
        "assignee": "data.additionalFields.assignee",
        "labels": "data.additionalFields.labels",
    },
    "sentryApp": {"sentryAppId": "config.targetIdentifier", "settings": "data.settings"},
    "webhook": {"service": "config.targetIdentifier"},
    "plugin": {},
}
"""An action's attributes, and where the API has each."""
_BARE = {"issuePriorityDeescalating", "issuePriorityGreaterOrEqual"}
"""Conditions that compare with one number instead of an object."""


def alert_from_json(body: Attributes) -> Attributes:
    if missing := [name for name in ("name", "config", "actionFilters") if not body.get(name)]:
        raise VendorError(400, f"{', '.join(missing)}: this field is required.")
    triggers = [_camel(one["type"]) for one in (body.get("triggers") or {}).get("conditions", [])]
    return {
        "name": body["name"],
        "enabled": body.get("enabled", True),
        "environment": body.get("environment"),
        "frequencyMinutes": body["config"]["frequency"],
        "monitorIds": body.get("detectorIds") or [],
        "triggerConditions": [{trigger: {}} for trigger in triggers],
        "actionFilters": [
            {
                "logicType": one["logicType"],
                "conditions": [_condition_said(condition) for condition in one.get("conditions", [])],
                "actions": [_action_said(action) for action in one["actions"]],
            }
            for one in body["actionFilters"]
        ],
    }


def alert_to_json(identifier: str, found: Attributes) -> Attributes:
    triggers = [_snake(trigger) for one in found.get("triggerConditions", []) for trigger in one]
    return {
        "id": identifier,
        "name": found["name"],
        "enabled": found["enabled"],
        "environment": found.get("environment"),
        "config": {"frequency": found["frequencyMinutes"]},
        "detectorIds": found["monitorIds"],
        "triggers": {
            "logicType": "any-short",
            "conditions": [
                {"id": str(number), "type": trigger, "comparison": True, "conditionResult": True}
                for number, trigger in enumerate(triggers, 1)
            ],
        },
        "actionFilters": [
            {
                "id": str(number),
                "logicType": one["logicType"],
                "conditions": [
                    {"id": str(place), **_condition_told(condition)}
                    for place, condition in enumerate(one["conditions"], 1)
                ],
                "actions": [
                    {"id": str(place), **_action_told(action)}
                    for place, action in enumerate(one["actions"], 1)
                ],
            }
            for number, one in enumerate(found["actionFilters"], 1)
        ],
    }


def _condition_said(condition: Attributes) -> Attributes:
    name, comparison = _camel(condition["type"]), condition["comparison"]
    if name in _BARE:
        return {name: {"comparison": comparison}}
    wanted: Attributes = dict(comparison) if isinstance(comparison, dict) else {}
    if name == "assignedTo":
        wanted["targetId"] = wanted.pop("targetIdentifier", None) or None
    return {name: {key: value for key, value in wanted.items() if value not in (None, [])}}


def _condition_told(condition: Attributes) -> Attributes:
    ((name, attributes),) = condition.items()
    comparison: Any = attributes or True
    if name in _BARE:
        comparison = attributes["comparison"]
    elif name == "assignedTo":
        kept = {key: value for key, value in attributes.items() if key != "targetId"}
        comparison = {**kept, "targetIdentifier": attributes.get("targetId", "")}
    return {"type": _snake(name), "comparison": comparison, "conditionResult": True}


def _action_said(action: Attributes) -> Attributes:
    name = _camel(action["type"])
    if name not in _ACTIONS:
        raise VendorError(400, f"actions: there is no action of type {action['type']!r}.")
    found = {attribute: _at(action, where) for attribute, where in _ACTIONS[name].items()}
    return {name: {attribute: value for attribute, value in found.items() if value not in (None, "")}}


def _action_told(action: Attributes) -> Attributes:
    ((name, attributes),) = action.items()
    answer: Attributes = {"type": _snake(name), "data": {}, "config": {}}
    if name == "sentryApp" or "integrationId" in _ACTIONS[name]:
        answer["config"]["targetType"] = "sentry_app" if name == "sentryApp" else "specific"
    for attribute, where in _ACTIONS[name].items():
        if (value := attributes.get(attribute)) is None:
            continue
        *path, last = where.split(".")
        holder = answer
        for part in path:
            holder = holder.setdefault(part, {})
        holder[last] = value
    return answer


def _at(holder: Any, where: str) -> Any:
    for part in where.split("."):
        holder = holder.get(part) if isinstance(holder, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    return holder  # pyright: ignore[reportUnknownVariableType] - JSON


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)
