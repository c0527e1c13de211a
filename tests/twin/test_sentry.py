"""The model of Sentry: slugs, references, and what is created and removed with a project."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twin.host.home import TwinHome
from twin.sentry.model import INTEGRATIONS, Sentry
from twin.vendor.errors import VendorError

ORG = {"organization": "acme"}
PARENT = {**ORG, "project": "api"}
CRON: dict[str, Any] = {
    **PARENT,
    "name": "Database dump",
    "checkinMarginMinutes": 30,
    "failureIssueThreshold": 1,
    "maxRuntimeMinutes": 60,
    "recoveryThreshold": 1,
    "schedule": {"crontab": "0 3 * * *"},
}
EMAIL = {"email": {"targetType": "issue_owners", "fallthroughType": "AllMembers"}}


@pytest.fixture
def sentry(tmp_path: Path) -> Iterator[Sentry]:
    home = TwinHome(tmp_path / "twin")
    home.create()
    sentry = Sentry(home)
    sentry.create("team", {**ORG, "name": "Platform"})
    sentry.create("project", {**ORG, "name": "api", "teams": ["platform"]})
    yield sentry
    sentry.store.close()


def alert(monitors: list[str], **action: Any) -> dict[str, Any]:
    filters = [{"logicType": "any", "actions": [action or EMAIL]}]
    return {**ORG, "name": "a", "frequencyMinutes": 5, "monitorIds": monitors, "actionFilters": filters}


def error_monitor(sentry: Sentry) -> str:
    return sentry.read_data_source("getProjectErrorMonitor", PARENT)["id"]


def refusal_status(sentry: Sentry, kind: str, wanted: dict[str, Any]) -> int:
    with pytest.raises(VendorError) as refused:
        sentry.create(kind, wanted)
    return refused.value.status


def test_a_name_becomes_a_slug_that_is_taken_once(sentry: Sentry) -> None:
    assert sentry.create("team", {**ORG, "name": "On Call (EU)"})[0] == "on-call-eu"
    assert refusal_status(sentry, "team", {**ORG, "name": "Platform"}) == 409
    assert refusal_status(sentry, "project", {**ORG, "name": "API", "teams": ["platform"]}) == 409
    sentry.create("team", {"organization": "other", "name": "Platform"})
    for bad in ("Upper", "12345", "x" * 51, "a/b", ""):
        assert refusal_status(sentry, "team", {**ORG, "name": "t", "slug": bad}) == 400


def test_a_project_comes_with_detectors_and_a_key_unless_it_is_unwanted(sentry: Sentry) -> None:
    stream = sentry.read_data_source("getProjectIssueStreamMonitor", PARENT)
    assert stream["id"] != error_monitor(sentry)
    assert sentry.read_data_source("getKey", {**PARENT, "name": "Default"})["name"] == "Default"
    web = {**ORG, "name": "web", "teams": ["platform"], "defaultKey": False}
    sentry.create("project", web)
    with pytest.raises(VendorError) as refused:
        sentry.read_data_source("getKey", {**ORG, "project": "web", "first": True})
    assert refused.value.status == 404


def test_a_dsn_points_at_the_twins_intake(sentry: Sentry) -> None:
    identifier, key = sentry.create("key", {**PARENT, "name": "backend"})
    project = sentry.read("project", "acme/api")
    assert project
    port = sentry.home.port("vendors")
    assert key["dsn"]["public"] == f"http://{identifier}@127.0.0.1:{port}/{project['internalId']}"
    assert key["secret"] in key["dsn"]["secret"]
    with pytest.raises(VendorError) as several:
        sentry.read_data_source("getKey", PARENT)
    assert several.value.status == 409
    assert sentry.read_data_source("getKey", {**PARENT, "first": True})["name"] == "Default"


@pytest.mark.parametrize(
    ("kind", "wanted", "status"),
    [
        ("project", {**ORG, "name": "web", "teams": ["nobody"]}, 404),
        ("key", {**ORG, "project": "nothing", "name": "k"}, 404),
        ("cronMonitor", {**CRON, "project": "nothing"}, 404),
        ("cronMonitor", {**CRON, "owner": {"teamId": "4711"}}, 400),
        ("alert", alert(["4711"]), 400),
        ("alert", alert([], slack={"integrationId": "502", "channelName": "#ops"}), 400),
        ("alert", alert([], email={"targetType": "team", "targetId": "4711"}), 400),
        ("integrationPagerduty", {**ORG, "integrationId": "4711", "service": "s"}, 404),
    ],
)
def test_a_sentry_resource_that_names_an_unknown_one_is_refused(
    sentry: Sentry, kind: str, wanted: dict[str, Any], status: int
) -> None:
    assert refusal_status(sentry, kind, wanted) == status


def test_a_pagerduty_alert_needs_a_service_of_the_integration(sentry: Sentry) -> None:
    wanted = INTEGRATIONS["502"]
    installed = sentry.read_data_source("getOrganizationIntegration", {**ORG, **wanted})
    action = {
        "integrationId": installed["id"],
        "serviceId": "4711",
        "serviceName": "s",
        "severity": "critical",
    }
    assert refusal_status(sentry, "alert", alert([], pagerduty=action)) == 400
    service = {**ORG, "integrationId": installed["id"], "service": "s", "integrationKey": "k" * 32}
    identifier, _ = sentry.create("integrationPagerduty", service)
    sentry.create("alert", alert([error_monitor(sentry)], pagerduty={**action, "serviceId": identifier}))


def test_an_integration_has_any_name_but_in_the_organization_that_the_twin_knows(sentry: Sentry) -> None:
    wanted = {"providerKey": "slack", "name": "other"}
    installed = sentry.read_data_source("getOrganizationIntegration", {**ORG, **wanted})
    assert (installed["id"], installed["name"]) == ("501", "other")
    with pytest.raises(VendorError) as unknown:
        sentry.read_data_source("getOrganizationIntegration", {"organization": "example", **wanted})
    assert unknown.value.status == 404


def test_a_removed_project_takes_its_parts_along(sentry: Sentry) -> None:
    cron, created = sentry.create("cronMonitor", CRON)
    assert created["slug"] == "database-dump"
    sentry.create("projectSpikeProtection", {**PARENT, "enabled": True})
    identifier, _ = sentry.create("alert", alert([cron, error_monitor(sentry)]))
    sentry.delete("project", "acme/api")
    for kind in ("key", "detector", "cronMonitor", "projectSpikeProtection"):
        assert sentry.store.list("sentry", kind) == {}, kind
    left = sentry.read("alert", identifier)
    assert left
    assert left["monitorIds"] == []
    with pytest.raises(VendorError) as gone:
        sentry.delete("project", "acme/api")
    assert gone.value.status == 404


def test_a_removed_team_leaves_its_projects(sentry: Sentry) -> None:
    sentry.delete("team", "acme/platform")
    project = sentry.read("project", "acme/api")
    assert project
    assert project["teams"] == []


def test_a_changed_slug_is_followed_by_what_named_it(sentry: Sentry) -> None:
    cron, _ = sentry.create("cronMonitor", CRON)
    sentry.update("project", "acme/api", {"slug": "backend"})
    sentry.update("team", "acme/platform", {"slug": "core"})
    moved = sentry.read("cronMonitor", cron)
    assert moved
    assert moved["project"] == "backend"
    project = sentry.read("project", "acme/backend")
    assert project
    assert project["teams"] == ["core"]
    assert sentry.read("project", "acme/api") is None


def test_settings_of_a_project_are_reset_and_never_removed(sentry: Sentry) -> None:
    rules = {"raw": "path:* #p", "fallthrough": False, "codeownersAutoSync": False}
    rules["autoAssignment"] = "Turn off Auto-Assignment"
    address, _ = sentry.create("projectOwnership", {**PARENT, **rules})
    sentry.delete("projectOwnership", address)
    left = sentry.read("projectOwnership", address)
    assert left
    assert (left["raw"], left["fallthrough"]) == ("path:* #p", True)
    sentry.create("projectOwnership", {**PARENT, **rules})
    spikes, _ = sentry.create("projectSpikeProtection", {**PARENT, "enabled": True})
    sentry.delete("projectSpikeProtection", spikes)
    assert (sentry.read("projectSpikeProtection", spikes) or {})["enabled"] is False


def test_a_partial_change_of_nested_settings_keeps_the_rest(sentry: Sentry) -> None:
    sentry.update("project", "acme/api", {"clientSecurity": {"allowedDomains": ["example.com"]}})
    project = sentry.read("project", "acme/api")
    assert project
    assert project["clientSecurity"]["allowedDomains"] == ["example.com"]
    assert project["clientSecurity"]["scrapeJavascript"] is True


@pytest.mark.parametrize(
    ("function", "kind", "wanted"),
    [
        ("getCronMonitor", "cronMonitor", CRON),
        (
            "getUptimeMonitor",
            "uptimeMonitor",
            {**PARENT, "name": "u", "url": "https://localhost", "method": "GET", "environment": "prod"},
        ),
        (
            "getMetricMonitor",
            "metricMonitor",
            {**PARENT, "name": "m", "dataset": "events", "aggregate": "count()", "eventTypes": ["error"]},
        ),
        ("getAlert", "alert", alert([])),
    ],
)
def test_detectors_and_alerts_are_looked_up_by_id(
    sentry: Sentry, function: str, kind: str, wanted: dict[str, Any]
) -> None:
    identifier, _ = sentry.create(kind, wanted)
    assert sentry.read_data_source(function, {**ORG, "id": identifier})["name"] == wanted["name"]


def test_teams_and_projects_are_looked_up_by_slug(sentry: Sentry) -> None:
    project = sentry.read_data_source("getProject", {**ORG, "slug": "api"})
    team = sentry.read_data_source("getTeam", {**ORG, "slug": "platform"})
    member = {"internalId": team["internalId"], "name": "Platform", "slug": "platform"}
    assert project["teams"] == [member]
