"""Sentry's detectors in words: what the API calls metric, cron and uptime monitors, from and to the model."""

import json
from typing import Any

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

TYPES = {
    "metric_issue": "metricMonitor",
    "monitor_check_in_failure": "cronMonitor",
    "uptime_domain_failure": "uptimeMonitor",
}
"""The API's type -> the model's kind."""

_QUERY_TYPES = ("error", "performance", "crash_rate")
_THRESHOLDS = ("above", "below", "above_and_below")
_METRIC = {
    "aggregate": "aggregate",
    "dataset": "dataset",
    "environment": "environment",
    "eventTypes": "eventTypes",
    "query": "query",
    "timeWindow": "timeWindowSeconds",
    "extrapolationMode": "extrapolationMode",
}
_CRON = {
    "checkin_margin": "checkinMarginMinutes",
    "failure_issue_threshold": "failureIssueThreshold",
    "max_runtime": "maxRuntimeMinutes",
    "recovery_threshold": "recoveryThreshold",
    "timezone": "timezone",
}
_UPTIME = {
    "url": "url",
    "method": "method",
    "body": "body",
    "intervalSeconds": "intervalSeconds",
    "timeoutMs": "timeoutMs",
}
_MODE_MANUAL = 1
_UPTIME_CONFIG = ("environment", "recoveryThreshold", "downtimeThreshold")


def detector_from_json(body: Attributes) -> Attributes:
    """Read a request; its name for the project is left to the caller."""
    kind = TYPES.get(body.get("type", ""))
    if kind is None:
        raise VendorError(400, f"type: must be one of {', '.join(TYPES)}.")
    if not body.get("name") or len(body.get("dataSources") or ()) != 1:
        raise VendorError(400, "name and exactly one of dataSources are required.")
    wanted: Attributes = {"name": body["name"], "description": body.get("description")}
    if body.get("enabled") is not None:
        wanted["enabled"] = body["enabled"]
    owner, _, number = (body.get("owner") or "").partition(":")
    wanted["owner"] = {f"{owner}Id": number} if number else None
    source: Attributes = body["dataSources"][0]
    return wanted | {
        "metricMonitor": _metric_said,
        "cronMonitor": _cron_said,
        "uptimeMonitor": _uptime_said,
    }[kind](source, body)


def detector_to_json(kind: str, identifier: str, found: Attributes, project_id: str) -> Attributes:
    owner = found.get("owner") or {}
    answer: Attributes = {
        "id": identifier,
        "projectId": project_id,
        "name": found["name"],
        "description": found.get("description"),
        "enabled": found.get("enabled", True),
        "owner": next(
            ({"type": k.removesuffix("Id"), "id": v, "name": v} for k, v in owner.items() if v), None
        ),
        "type": found.get("type"),
        "dataSources": [],
        "conditionGroup": None,
        "config": {},
    }
    tell = {"metricMonitor": _metric_told, "cronMonitor": _cron_told, "uptimeMonitor": _uptime_told}.get(kind)
    return answer | tell(found) if tell else answer


def _metric_said(source: Attributes, body: Attributes) -> Attributes:
    wanted = {name: source[api] for api, name in _METRIC.items() if api in source}
    # Left to the vendor: the provider's client says nothing in these ways (it can't leave a field out).
    left = {"extrapolationMode": None, "timeWindowSeconds": 0}
    wanted = {name: value for name, value in wanted.items() if name not in left or value != left[name]}
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
            "conditions": [_condition_said(one) for one in group["conditions"]],
        },
        "issueDetection": {name: value for name, value in detection.items() if value is not None},
    }


def _condition_said(condition: Attributes) -> Attributes:
    wanted = {"type": condition["type"], "conditionResult": condition["conditionResult"]}
    comparison: Any = condition["comparison"]
    if not isinstance(comparison, dict):
        return wanted | {"comparison": comparison}
    anomaly: Attributes = comparison
    return wanted | {
        "comparisonSensitivity": anomaly["sensitivity"],
        "comparisonThresholdType": _THRESHOLDS[anomaly["thresholdType"]],
    }


def _metric_told(found: Attributes) -> Attributes:
    group, detection = found["conditionGroup"], found["issueDetection"]
    query = {api: found.get(name) for api, name in _METRIC.items()}
    query["queryType"] = _QUERY_TYPES.index(found["queryType"])
    return {
        "type": "metric_issue",
        "dataSources": [{"type": "snuba_query_subscription", "queryObj": {"snubaQuery": query}}],
        "conditionGroup": {
            "logicType": group.get("logicType", "any"),
            "conditions": [
                {
                    "id": str(number),
                    "type": one["type"],
                    "comparison": _comparison_told(one),
                    "conditionResult": one["conditionResult"],
                }
                for number, one in enumerate(group["conditions"], 1)
            ],
        },
        "config": {
            "detectionType": detection["type"],
            **({"comparisonDelta": detection["comparisonDelta"]} if "comparisonDelta" in detection else {}),
        },
    }


def _comparison_told(condition: Attributes) -> Any:
    if condition.get("comparisonSensitivity") is None:
        return condition.get("comparison")
    return {
        "seasonality": "auto",
        "sensitivity": condition["comparisonSensitivity"],
        "thresholdType": _THRESHOLDS.index(condition["comparisonThresholdType"]),
    }


def _cron_said(source: Attributes, _body: Attributes) -> Attributes:
    config: Attributes = source["config"]
    wanted = {name: config.get(api) for api, name in _CRON.items()}
    schedule = config["schedule"]
    if config["schedule_type"] == "crontab":
        return wanted | {"schedule": {"crontab": schedule}}
    value, unit = schedule
    return wanted | {"schedule": {"intervalValue": value, "intervalUnit": unit}}


def _cron_told(found: Attributes) -> Attributes:
    schedule = found["schedule"]
    crontab = schedule.get("crontab")
    when: Attributes = (
        {"schedule_type": "crontab", "schedule": crontab}
        if crontab
        else {
            "schedule_type": "interval",
            "schedule": [schedule["intervalValue"], schedule["intervalUnit"]],
        }
    )
    config = {api: found.get(name) for api, name in _CRON.items()} | when
    query = {"name": found["name"], "slug": found["slug"], "config": config}
    return {
        "type": "monitor_check_in_failure",
        "dataSources": [{"type": "cron_monitor", "queryObj": query}],
    }


def _uptime_said(source: Attributes, body: Attributes) -> Attributes:
    wanted = {name: source.get(api) for api, name in _UPTIME.items()}
    wanted["headers"] = dict(source.get("headers") or [])
    assertion = source.get("assertion")
    wanted["assertionJson"] = None if assertion is None else json.dumps(assertion)
    return wanted | {name: (body.get("config") or {}).get(name) for name in _UPTIME_CONFIG}


def _uptime_told(found: Attributes) -> Attributes:
    assertion = found.get("assertionJson")
    query = {api: found.get(name) for api, name in _UPTIME.items()} | {
        "headers": [list(pair) for pair in (found.get("headers") or {}).items()],
        "traceSampling": False,
        "assertion": json.loads(assertion) if assertion else None,
    }
    return {
        "type": "uptime_domain_failure",
        "dataSources": [{"type": "uptime_subscription", "queryObj": query}],
        "config": {"mode": _MODE_MANUAL, **{name: found[name] for name in _UPTIME_CONFIG}},
    }
