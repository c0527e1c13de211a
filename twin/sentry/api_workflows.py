"""Translate alerts between the JSON of the API's workflows and the model's attributes."""

import re
from typing import Any

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_INTEGRATION = {"integrationId": "integrationId"}
_ACTION_PATHS: dict[str, dict[str, str]] = {
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
"""The attributes of each action, and the path of each in the API's JSON."""
_NUMERIC_CONDITIONS = {"issuePriorityDeescalating", "issuePriorityGreaterOrEqual"}
"""Conditions whose comparison is one number instead of an object."""


def alert_from_json(body: Attributes) -> Attributes:
    if missing := [name for name in ("name", "config", "actionFilters") if not body.get(name)]:
        raise VendorError(400, f"{', '.join(missing)}: this field is required.")
    triggers = [
        _to_camel_case(condition["type"]) for condition in (body.get("triggers") or {}).get("conditions", [])
    ]
    return {
        "name": body["name"],
        "enabled": body.get("enabled", True),
        "environment": body.get("environment"),
        "frequencyMinutes": body["config"]["frequency"],
        "monitorIds": body.get("detectorIds") or [],
        "triggerConditions": [{trigger: {}} for trigger in triggers],
        "actionFilters": [
            {
                "logicType": filter_["logicType"],
                "conditions": [
                    _condition_from_json(condition) for condition in filter_.get("conditions", [])
                ],
                "actions": [_action_from_json(action) for action in filter_["actions"]],
            }
            for filter_ in body["actionFilters"]
        ],
    }


def alert_to_json(identifier: str, alert: Attributes) -> Attributes:
    triggers = [
        _to_snake_case(trigger) for condition in alert.get("triggerConditions", []) for trigger in condition
    ]
    return {
        "id": identifier,
        "name": alert["name"],
        "enabled": alert["enabled"],
        "environment": alert.get("environment"),
        "config": {"frequency": alert["frequencyMinutes"]},
        "detectorIds": alert["monitorIds"],
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
                "logicType": filter_["logicType"],
                "conditions": [
                    {"id": str(position), **_condition_to_json(condition)}
                    for position, condition in enumerate(filter_["conditions"], 1)
                ],
                "actions": [
                    {"id": str(position), **_action_to_json(action)}
                    for position, action in enumerate(filter_["actions"], 1)
                ],
            }
            for number, filter_ in enumerate(alert["actionFilters"], 1)
        ],
    }


def _condition_from_json(condition: Attributes) -> Attributes:
    name, comparison = _to_camel_case(condition["type"]), condition["comparison"]
    if name in _NUMERIC_CONDITIONS:
        return {name: {"comparison": comparison}}
    wanted: Attributes = dict(comparison) if isinstance(comparison, dict) else {}
    if name == "assignedTo":
        wanted["targetId"] = wanted.pop("targetIdentifier", None) or None
    return {name: {key: value for key, value in wanted.items() if value not in (None, [])}}


def _condition_to_json(condition: Attributes) -> Attributes:
    ((name, attributes),) = condition.items()
    comparison: Any = attributes or True
    if name in _NUMERIC_CONDITIONS:
        comparison = attributes["comparison"]
    elif name == "assignedTo":
        kept = {key: value for key, value in attributes.items() if key != "targetId"}
        comparison = {**kept, "targetIdentifier": attributes.get("targetId", "")}
    return {"type": _to_snake_case(name), "comparison": comparison, "conditionResult": True}


def _action_from_json(action: Attributes) -> Attributes:
    name = _to_camel_case(action["type"])
    if name not in _ACTION_PATHS:
        raise VendorError(400, f"actions: there is no action of type {action['type']!r}.")
    attributes = {attribute: _get_path(action, path) for attribute, path in _ACTION_PATHS[name].items()}
    return {name: {attribute: value for attribute, value in attributes.items() if value not in (None, "")}}


def _action_to_json(action: Attributes) -> Attributes:
    ((name, attributes),) = action.items()
    body: Attributes = {"type": _to_snake_case(name), "data": {}, "config": {}}
    if name == "sentryApp" or "integrationId" in _ACTION_PATHS[name]:
        body["config"]["targetType"] = "sentry_app" if name == "sentryApp" else "specific"
    for attribute, path in _ACTION_PATHS[name].items():
        if (value := attributes.get(attribute)) is None:
            continue
        *parents, last = path.split(".")
        holder = body
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[last] = value
    return body


def _get_path(holder: Any, path: str) -> Any:
    for part in path.split("."):
        holder = holder.get(part) if isinstance(holder, dict) else None
    return holder


def _to_camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda letter: letter[1].upper(), name)


def _to_snake_case(name: str) -> str:
    return re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), name)
