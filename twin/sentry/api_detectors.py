"""Translate metric, cron and uptime monitors between the API's detectors and the model's attributes."""

import json
from typing import Any

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

KINDS_BY_TYPE = {
    "metric_issue": "metricMonitor",
    "monitor_check_in_failure": "cronMonitor",
    "uptime_domain_failure": "uptimeMonitor",
}
"""The API's type of a detector -> the model's kind."""

_QUERY_TYPES = ("error", "performance", "crash_rate")
_THRESHOLDS = ("above", "below", "above_and_below")
_METRIC_FIELDS = {
    "aggregate": "aggregate",
    "dataset": "dataset",
    "environment": "environment",
    "eventTypes": "eventTypes",
    "query": "query",
    "timeWindow": "timeWindowSeconds",
    "extrapolationMode": "extrapolationMode",
}
_CRON_FIELDS = {
    "checkin_margin": "checkinMarginMinutes",
    "failure_issue_threshold": "failureIssueThreshold",
    "max_runtime": "maxRuntimeMinutes",
    "recovery_threshold": "recoveryThreshold",
    "timezone": "timezone",
}
_UPTIME_FIELDS = {
    "url": "url",
    "method": "method",
    "body": "body",
    "intervalSeconds": "intervalSeconds",
    "timeoutMs": "timeoutMs",
}
_MODE_MANUAL = 1
_UPTIME_CONFIG_FIELDS = ("environment", "recoveryThreshold", "downtimeThreshold")


def detector_from_json(body: Attributes) -> Attributes:
    """Return the attributes of a request, without organization and project. Raises VendorError (400)."""
    kind = KINDS_BY_TYPE.get(body.get("type", ""))
    if kind is None:
        raise VendorError(400, f"type: must be one of {', '.join(KINDS_BY_TYPE)}.")
    if not body.get("name") or len(body.get("dataSources") or ()) != 1:
        raise VendorError(400, "name and exactly one of dataSources are required.")
    wanted: Attributes = {"name": body["name"], "description": body.get("description")}
    if body.get("enabled") is not None:
        wanted["enabled"] = body["enabled"]
    owner, _, number = (body.get("owner") or "").partition(":")
    wanted["owner"] = {f"{owner}Id": number} if number else None
    source: Attributes = body["dataSources"][0]
    return wanted | {
        "metricMonitor": _metric_from_json,
        "cronMonitor": _cron_from_json,
        "uptimeMonitor": _uptime_from_json,
    }[kind](source, body)


def detector_to_json(kind: str, identifier: str, detector: Attributes, project_id: str) -> Attributes:
    owner = detector.get("owner") or {}
    body: Attributes = {
        "id": identifier,
        "projectId": project_id,
        "name": detector["name"],
        "description": detector.get("description"),
        "enabled": detector.get("enabled", True),
        "owner": next(
            ({"type": key.removesuffix("Id"), "id": id_, "name": id_} for key, id_ in owner.items() if id_),
            None,
        ),
        "type": detector.get("type"),
        "dataSources": [],
        "conditionGroup": None,
        "config": {},
    }
    to_json = {
        "metricMonitor": _metric_to_json,
        "cronMonitor": _cron_to_json,
        "uptimeMonitor": _uptime_to_json,
    }.get(kind)
    return body | to_json(detector) if to_json else body


def _metric_from_json(source: Attributes, body: Attributes) -> Attributes:
    wanted = {name: source[api] for api, name in _METRIC_FIELDS.items() if api in source}
    # The provider's client can't leave out a field; with these values it leaves the choice to the vendor.
    unset = {"extrapolationMode": None, "timeWindowSeconds": 0}
    wanted = {name: value for name, value in wanted.items() if name not in unset or value != unset[name]}
    if source.get("queryType") is not None:
        wanted["queryType"] = _QUERY_TYPES[source["queryType"]]
    group, config = body["conditionGroup"], body.get("config") or {}
    detection = {
        "type": config.get("detectionType", "static"),
        "comparisonDelta": config.get("comparisonDelta"),
    }
    return wanted | {
        "conditionGroup": {
            "logicType": group["logicType"],
            "conditions": [_condition_from_json(condition) for condition in group["conditions"]],
        },
        "issueDetection": {name: value for name, value in detection.items() if value is not None},
    }


def _condition_from_json(condition: Attributes) -> Attributes:
    wanted = {"type": condition["type"], "conditionResult": condition["conditionResult"]}
    comparison: Any = condition["comparison"]
    if not isinstance(comparison, dict):
        return wanted | {"comparison": comparison}
    anomaly: Attributes = comparison
    return wanted | {
        "comparisonSensitivity": anomaly["sensitivity"],
        "comparisonThresholdType": _THRESHOLDS[anomaly["thresholdType"]],
    }


def _metric_to_json(detector: Attributes) -> Attributes:
    group, detection = detector["conditionGroup"], detector["issueDetection"]
    query = {api: detector.get(name) for api, name in _METRIC_FIELDS.items()}
    query["queryType"] = _QUERY_TYPES.index(detector["queryType"])
    return {
        "type": "metric_issue",
        "dataSources": [{"type": "snuba_query_subscription", "queryObj": {"snubaQuery": query}}],
        "conditionGroup": {
            "logicType": group.get("logicType", "any"),
            "conditions": [
                {
                    "id": str(number),
                    "type": condition["type"],
                    "comparison": _comparison_to_json(condition),
                    "conditionResult": condition["conditionResult"],
                }
                for number, condition in enumerate(group["conditions"], 1)
            ],
        },
        "config": {
            "detectionType": detection["type"],
            **({"comparisonDelta": detection["comparisonDelta"]} if "comparisonDelta" in detection else {}),
        },
    }


def _comparison_to_json(condition: Attributes) -> Any:
    if condition.get("comparisonSensitivity") is None:
        return condition.get("comparison")
    return {
        "seasonality": "auto",
        "sensitivity": condition["comparisonSensitivity"],
        "thresholdType": _THRESHOLDS.index(condition["comparisonThresholdType"]),
    }


def _cron_from_json(source: Attributes, _body: Attributes) -> Attributes:
    config: Attributes = source["config"]
    wanted = {name: config.get(api) for api, name in _CRON_FIELDS.items()}
    schedule = config["schedule"]
    if config["schedule_type"] == "crontab":
        return wanted | {"schedule": {"crontab": schedule}}
    value, unit = schedule
    return wanted | {"schedule": {"intervalValue": value, "intervalUnit": unit}}


def _cron_to_json(detector: Attributes) -> Attributes:
    schedule = detector["schedule"]
    crontab = schedule.get("crontab")
    schedule_fields: Attributes = (
        {"schedule_type": "crontab", "schedule": crontab}
        if crontab
        else {
            "schedule_type": "interval",
            "schedule": [schedule["intervalValue"], schedule["intervalUnit"]],
        }
    )
    config = {api: detector.get(name) for api, name in _CRON_FIELDS.items()} | schedule_fields
    query = {"name": detector["name"], "slug": detector["slug"], "config": config}
    return {
        "type": "monitor_check_in_failure",
        "dataSources": [{"type": "cron_monitor", "queryObj": query}],
    }


def _uptime_from_json(source: Attributes, body: Attributes) -> Attributes:
    wanted = {name: source.get(api) for api, name in _UPTIME_FIELDS.items()}
    wanted["headers"] = dict(source.get("headers") or [])
    assertion = source.get("assertion")
    wanted["assertionJson"] = None if assertion is None else json.dumps(assertion)
    return wanted | {name: (body.get("config") or {}).get(name) for name in _UPTIME_CONFIG_FIELDS}


def _uptime_to_json(detector: Attributes) -> Attributes:
    assertion = detector.get("assertionJson")
    query = {api: detector.get(name) for api, name in _UPTIME_FIELDS.items()} | {
        "headers": [list(pair) for pair in (detector.get("headers") or {}).items()],
        "traceSampling": False,
        "assertion": json.loads(assertion) if assertion else None,
    }
    return {
        "type": "uptime_domain_failure",
        "dataSources": [{"type": "uptime_subscription", "queryObj": query}],
        "config": {"mode": _MODE_MANUAL, **{name: detector[name] for name in _UPTIME_CONFIG_FIELDS}},
    }
