"""Sentry's HTTP API on the twin: what is sent comes back in the shapes that the provider's client decodes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from vendor_process import Twin, running_twin

from engine.vendor_errors import VENDORS
from live import coverage
from live.declared import DeclaredStack
from live.finding import look
from live.vendor_api import Api as LiveApi

ORGANIZATION = "/organizations/example"
METRIC: dict[str, Any] = {
    "type": "metric_issue",
    "name": "latency",
    "description": None,
    "enabled": True,
    "owner": None,
    "dataSources": [
        {
            "aggregate": "p95(transaction.duration)",
            "dataset": "events_analytics_platform",
            "environment": "production",
            "eventTypes": ["trace_item_span"],
            "query": "is_transaction:true",
            "queryType": 1,
            "timeWindow": 600,
        }
    ],
    "conditionGroup": {
        "logicType": "any",
        "conditions": [
            {"type": "gt", "comparison": 1000, "conditionResult": 75},
            {
                "type": "anomaly_detection",
                "comparison": {"seasonality": "auto", "sensitivity": "low", "thresholdType": 2},
                "conditionResult": 75,
            },
        ],
    },
    "config": {"detectionType": "percent", "comparisonDelta": 3600},
}
LIMITS = {
    "checkin_margin": 5,
    "failure_issue_threshold": 1,
    "max_runtime": 30,
    "recovery_threshold": 1,
    "timezone": "UTC",
}
CRON: dict[str, Any] = {
    "type": "monitor_check_in_failure",
    "name": "Dump",
    "description": None,
    "owner": None,
}
CRONTAB = LIMITS | {"schedule_type": "crontab", "schedule": "17 2 * * *"}
INTERVAL = LIMITS | {"schedule_type": "interval", "schedule": [2, "hour"]}
UPTIME: dict[str, Any] = {
    "type": "uptime_domain_failure",
    "name": "Health",
    "description": "second look",
    "owner": None,
    "dataSources": [
        {
            "url": "https://api.example.com/health",
            "method": "GET",
            "body": None,
            "headers": [["x-probe", "1"]],
            "intervalSeconds": 60,
            "timeoutMs": 5000,
            "traceSampling": False,
            "assertion": {"root": {"op": "and"}},
        }
    ],
    "config": {"mode": 1, "environment": "production", "recoveryThreshold": 1, "downtimeThreshold": 3},
}
ACTIONS: list[dict[str, Any]] = [
    {"type": "email", "data": {}, "config": {"targetType": "team", "targetIdentifier": "TEAM"}},
    {"type": "email", "data": {"fallthroughType": "NoOne"}, "config": {"targetType": "issue_owners"}},
    {
        "type": "slack",
        "integrationId": "501",
        "data": {"tags": "environment", "notes": "look"},
        "config": {"targetType": "specific", "targetIdentifier": "C1", "targetDisplay": "#incidents"},
    },
    {
        "type": "vsts",
        "integrationId": "1",
        "data": {"additionalFields": {"project": "p", "work_item_type": "Bug"}},
        "config": {"targetType": "specific"},
    },
    {"type": "webhook", "data": {}, "config": {"targetIdentifier": "hook"}},
    {"type": "plugin", "data": {}, "config": {}},
]
CONDITIONS: list[dict[str, Any]] = [
    {
        "type": "event_frequency_count",
        "comparison": {"value": 100, "interval": "1h"},
        "conditionResult": True,
    },
    {"type": "issue_priority_greater_or_equal", "comparison": 75, "conditionResult": True},
    {"type": "latest_release", "comparison": True, "conditionResult": True},
    {
        "type": "assigned_to",
        "comparison": {"targetType": "Team", "targetIdentifier": "7"},
        "conditionResult": True,
    },
]


pytestmark = pytest.mark.shares("sentry-api")


class Api:
    """A client with an organization's token."""

    def __init__(self, twin: Twin, token: str = "") -> None:
        self._http = httpx.Client(
            base_url=f"{twin.url}/sentry/api/0",
            headers={"Authorization": f"Bearer {token or twin.home.secret('SENTRY_AUTH_TOKEN')}"},
        )

    def __call__(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        usual = {"POST": 201, "DELETE": 204}.get(method, 200)
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == (status or usual), answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("apis"), speed=1) as twin:
        yield twin


@pytest.fixture(scope="module")
def api(twin: Twin) -> Api:
    api = Api(twin)
    api("POST", f"{ORGANIZATION}/teams/", {"name": "Platform"})
    api("POST", "/teams/example/platform/projects/", {"name": "backend", "platform": "node-express"})
    return api


def contains(sent: Any, found: Any) -> bool:
    """Return whether the answer has all that was sent; the vendor may add to objects."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return all(key in found and contains(value, found[key]) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(found, list):
        return len(sent) == len(found) and all(map(contains, sent, found))
    return sent == found


def test_a_project_goes_by_its_slug_and_by_its_number(api: Api) -> None:
    answer = api("GET", "/projects/example/backend/")
    assert api("GET", f"/projects/example/{answer['id']}/") == answer
    assert (answer["organization"]["slug"], [team["slug"] for team in answer["teams"]]) == (
        "example",
        ["platform"],
    )
    assert answer["options"]["filters:releases"] == ""


def test_a_projects_settings_come_back_as_they_were_sent(api: Api) -> None:
    api("POST", "/teams/example/platform/projects/", {"name": "settings", "slug": "settings"})
    sent = {
        "platform": "python",
        "resolveAge": 72,
        "digestsMinDelay": 60,
        "highlightTags": ["release"],
        "allowedDomains": ["example.com"],
        "securityToken": "t",
        "verifySSL": True,
        "options": {"filters:releases": "1.*\n2.*", "filters:blacklisted_ips": ""},
    }
    assert contains(sent, api("PUT", "/projects/example/settings/", sent))
    assert contains(sent, api("GET", "/projects/example/settings/"))


def test_teams_join_a_project_and_leave_it(api: Api) -> None:
    api("POST", f"{ORGANIZATION}/teams/", {"name": "Second", "slug": "second"})
    joined = api("POST", "/projects/example/backend/teams/second/")
    assert [team["slug"] for team in joined["teams"]] == ["platform", "second"]
    left = api("DELETE", "/projects/example/backend/teams/second/", status=200)
    assert [team["slug"] for team in left["teams"]] == ["platform"]
    assert api("PUT", "/teams/example/second/", {"slug": "renamed"})["slug"] == "renamed"
    api("DELETE", "/teams/example/renamed/")
    api("GET", "/teams/example/renamed/", status=404)


def test_a_key_is_limited_and_belongs_to_its_project(api: Api) -> None:
    limit = {"window": 60, "count": 600}
    created = api("POST", "/projects/example/backend/keys/", {"name": "production", "rateLimit": limit})
    assert (created["rateLimit"], created["dsn"]["public"].startswith("http://")) == (limit, True)
    path = f"/projects/example/backend/keys/{created['id']}/"
    sent = {"name": "renamed", "browserSdkVersion": "9.x", "dynamicSdkLoaderOptions": {"hasDebug": True}}
    assert contains(sent, api("PUT", path, sent))
    api("GET", f"/projects/example/settings/keys/{created['id']}/", status=404)
    assert created["id"] in [key["id"] for key in api("GET", "/projects/example/backend/keys/")]
    api("DELETE", path)


@pytest.mark.parametrize(
    "body",
    [
        METRIC,
        CRON | {"dataSources": [{"name": "Dump", "config": CRONTAB}]},
        CRON | {"dataSources": [{"name": "Dump", "config": INTERVAL}]},
        UPTIME,
    ],
    ids=["metric", "crontab", "interval", "uptime"],
)
def test_a_detector_comes_back_as_it_was_sent(api: Api, body: dict[str, Any]) -> None:
    team = api("GET", "/teams/example/platform/")
    sent = body | {"owner": f"team:{team['id']}"}
    created = api("POST", f"{ORGANIZATION}/projects/backend/detectors/", sent)
    answer = api("GET", f"{ORGANIZATION}/detectors/{created['id']}/")
    (source,) = answer["dataSources"]
    (sent_source,) = body["dataSources"]
    query = source["queryObj"]
    assert contains(sent_source, query.get("snubaQuery", query))
    assert answer["owner"] == {"type": "team", "id": team["id"], "name": team["id"]}
    rest = {name: value for name, value in body.items() if name not in {"dataSources", "owner"}}
    assert contains(rest, answer)
    renamed = api("PUT", f"{ORGANIZATION}/detectors/{created['id']}/", sent | {"name": "renamed"})
    assert renamed["name"] == "renamed"
    api("DELETE", f"{ORGANIZATION}/detectors/{created['id']}/")
    api("GET", f"{ORGANIZATION}/detectors/{created['id']}/", status=404)


def test_a_projects_own_detectors_are_found_by_type(api: Api) -> None:
    project = api("GET", "/projects/example/backend/")["id"]
    (answer,) = api("GET", f"{ORGANIZATION}/detectors/?project={project}&query=type:error")
    assert (answer["type"], answer["projectId"]) == ("error", project)


def test_a_workflow_comes_back_as_it_was_sent_and_in_order(api: Api) -> None:
    team = api("GET", "/teams/example/platform/")["id"]
    (detector,) = api("GET", f"{ORGANIZATION}/detectors/?query=type:issue_stream&project=1000002")
    triggers = ("reappeared_event", "first_seen_event", "issue_resolved_trigger")
    actions = [
        action | {"config": {**action["config"], "targetIdentifier": team}}
        if action["config"].get("targetIdentifier") == "TEAM"
        else action
        for action in ACTIONS
    ]
    sent = {
        "name": "told",
        "enabled": True,
        "environment": "production",
        "config": {"frequency": 30},
        "detectorIds": [detector["id"]],
        "triggers": {
            "logicType": "any-short",
            "conditions": [{"type": one, "comparison": True, "conditionResult": True} for one in triggers],
        },
        "actionFilters": [{"logicType": "all", "conditions": CONDITIONS, "actions": actions}],
    }
    created = api("POST", f"{ORGANIZATION}/workflows/", sent)
    path = f"{ORGANIZATION}/workflows/{created['id']}/"
    assert contains(sent, api("GET", path))
    assert api("PUT", path, sent | {"enabled": False})["enabled"] is False
    assert created["id"] in [one["id"] for one in api("GET", f"{ORGANIZATION}/workflows/")]
    api("DELETE", path)
    api("GET", path, status=404)


def test_pagerdutys_services_are_rows_of_one_table(api: Api) -> None:
    path = f"{ORGANIZATION}/integrations/502/"

    def rows() -> list[dict[str, Any]]:
        return api("GET", path)["configData"]["service_table"]

    assert [one["id"] for one in api("GET", f"{ORGANIZATION}/integrations/?provider_key=slack")] == ["501"]
    first = {"service": "oncall", "integration_key": "k" * 32}
    api("POST", path, {"service_table": [first | {"id": 0}]}, status=200)
    second = {"service": "night", "integration_key": "n" * 32, "id": 0}
    api("POST", path, {"service_table": [*rows(), second]}, status=200)
    kept = rows()[1]
    assert [row["service"] for row in rows()] == ["oncall", "night"]
    api("POST", path, {"service_table": [kept | {"service": "nights"}]}, status=200)
    assert rows() == [kept | {"service": "nights"}]


def test_spike_protection_is_a_switch_of_the_project(api: Api) -> None:
    def off() -> bool:
        return api("GET", "/projects/example/backend/")["options"]["quotas:spike-protection-disabled"]

    path, which = f"{ORGANIZATION}/spike-protections/", {"projects": ["backend"]}
    api("POST", path, which)
    assert not off()
    api("DELETE", path, which, status=200)
    assert off()


def test_ownership_changes_by_what_a_request_names(api: Api) -> None:
    path = "/projects/example/backend/ownership/"
    assert api("GET", path)["raw"] is None
    api("PUT", path, {"raw": "path:src/** #platform", "fallthrough": False})
    answer = api("PUT", path, {"fallthrough": True})
    assert (answer["raw"], answer["fallthrough"], answer["codeownersAutoSync"]) == (
        "path:src/** #platform",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [
        (("GET", "/projects/example/absent/", None), 404, "does not exist"),
        (("POST", "/teams/example/absent/projects/", {"name": "x"}), 404, "no team"),
        (("POST", "/teams/example/platform/projects/", {"name": "backend"}), 409, "exists already"),
        (("POST", f"{ORGANIZATION}/teams/", {}), 400, "required"),
        (("POST", f"{ORGANIZATION}/projects/backend/detectors/", {"type": "x"}), 400, "must be one of"),
        (("POST", f"{ORGANIZATION}/workflows/", {"name": "x"}), 400, "required"),
        (("GET", "/organizations/other/integrations/9/", None), 404, "does not exist"),
    ],
)
def test_a_refusal_says_why(api: Api, call: tuple[str, str, Any], status: int, reason: str) -> None:
    assert reason in api(*call, status=status)["detail"]


def test_a_request_without_the_token_is_refused_even_for_the_health(twin: Twin) -> None:
    assert Api(twin)("GET", "/internal/health/")["problems"] == []
    assert "not valid" in Api(twin, "wrong")("GET", "/internal/health/", status=401)["detail"]


def test_the_projects_and_monitors_that_nobody_declared_are_found(twin: Twin, api: Api) -> None:
    api("POST", "/teams/example/platform/projects/", {"name": "shop", "platform": "other"})
    monitors = [
        api("POST", f"{ORGANIZATION}/projects/backend/detectors/", {**body, "name": name})
        for name, body in (("declared", METRIC), ("by hand", METRIC), ("watched by hand", UPTIME))
    ]
    declared = [
        {
            "urn": f"urn:{token}",
            "type": token,
            "custom": True,
            "id": identifier,
        }
        for token, identifier in (
            ("sentry:index/project:Project", "backend"),
            ("sentry:index/metricMonitor:MetricMonitor", monitors[0]["id"]),
        )
    ]
    with httpx.Client(base_url=f"{twin.url}/sentry/api/0") as client:
        sentry = LiveApi(VENDORS["sentry"], client, twin.home.secret("SENTRY_AUTH_TOKEN"))
        found, unknown = look(coverage.error_lookups(DeclaredStack(declared), sentry, "example"), print)
    assert unknown == []
    things = {finding.thing for finding in found}
    assert "sentry/project/example/shop" in things
    assert "sentry/project/example/backend" not in things
    assert things >= {f"sentry/monitor/example/{monitor['id']}" for monitor in monitors[1:]}
    assert f"sentry/monitor/example/{monitors[0]['id']}" not in things
