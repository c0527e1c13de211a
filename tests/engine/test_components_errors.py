"""Error tracking and alert routes of production, as the engine holds them."""

from typing import Any

import pytest
from deployment import Deployment, is_secret

pytestmark = pytest.mark.shares("production")

SERVICES = ("backend", "frontend")
ALERT = "sentry:index/alert:Alert"
FIRST: list[dict[str, Any]] = [{"firstSeenEvent": {}}]
AGAIN: list[dict[str, Any]] = [{"regressionEvent": {}}, {"reappearedEvent": {}}]

each = pytest.mark.parametrize("service", SERVICES)


def actions(production: Deployment, severity: str) -> list[dict[str, Any]]:
    """Return Sentry's actions for an incident of this severity, by production's settings."""
    oncall = {
        "pagerduty": {
            "integrationId": "502",
            "serviceId": production["alerting-oncall-service"].id,
            "serviceName": "platform-oncall",
            "severity": "critical" if severity == "sev1" else "error",
        }
    }
    incidents = {"slack": {"integrationId": "501", "channelName": "#incidents"}}
    team = production["errors-team"].outputs["internalId"]
    operations = {"email": {"targetType": "team", "targetId": team}}
    return {
        "sev1": [oncall, incidents, operations],
        "sev2": [incidents, operations],
        "sev3": [incidents],
        "sev4": [operations],
    }[severity]


def test_the_independent_health_monitor_belongs_to_the_team(production: Deployment) -> None:
    team = production["errors-team"].outputs["internalId"]
    assert production["errors-backend-check-health"].inputs["owner"] == {"teamId": team}


@each
def test_a_project_and_its_ownership_rules_wait_for_the_team(production: Deployment, service: str) -> None:
    assert production[f"errors-{service}-project"].property_dependencies == {"teams": {"errors-team"}}
    # Sentry refuses rules that name a team it does not know.
    assert production[f"errors-{service}-ownership"].dependencies == {
        f"errors-{service}-project",
        "errors-team",
    }


@each
def test_the_dsn_of_a_key_is_secret(production: Deployment, service: str) -> None:
    assert is_secret(production[f"errors-{service}-key"].outputs["dsn"])


@each
@pytest.mark.parametrize(
    ("alert", "severity", "triggers"),
    [
        ("new", "sev3", FIRST),
        ("regressed", "sev3", AGAIN),
        ("frequent", "sev2", None),
        ("failure-rate", "sev2", FIRST + AGAIN),
        ("latency", "sev2", FIRST + AGAIN),
    ],
)
def test_an_alert_notifies_the_channels_of_its_severity(
    production: Deployment, service: str, alert: str, severity: str, triggers: Any
) -> None:
    found = production[f"errors-{service}-{alert}-alert"].inputs
    many = {"eventFrequencyCount": {"value": 100, "interval": "1h"}}
    assert found["actionFilters"] == [
        {
            "logicType": "all",
            "conditions": [many] if alert == "frequent" else [],
            "actions": actions(production, severity),
        }
    ]
    assert found.get("triggerConditions") == triggers
    assert (found["enabled"], found["frequencyMinutes"]) == (True, 30)


def test_an_alert_watches_the_monitor_that_it_is_for(production: Deployment) -> None:
    watched = {
        "errors-backend-check-health-alert": "errors-backend-check-health",
        **{f"job-{job}-alert": f"job-{job}-cron" for job in ("database", "files", "proof", "drill")},
        **{
            f"errors-{service}-{metric}-alert": f"errors-{service}-{metric}"
            for service in SERVICES
            for metric in ("failure-rate", "latency")
        },
    }
    for alert, monitor in watched.items():
        assert production[alert].inputs["monitorIds"] == [production[monitor].id]
        assert production[alert].property_dependencies["monitorIds"] == {monitor}


def test_each_outage_fires_its_alert_and_not_only_the_first(production: Deployment) -> None:
    down = production["errors-backend-check-health-alert"].inputs
    assert down["triggerConditions"] == FIRST + AGAIN
    assert down["actionFilters"][0]["actions"] == actions(production, "sev1")
    for job in ("database", "files", "proof", "drill"):
        missed = production[f"job-{job}-alert"].inputs
        assert missed["triggerConditions"] == FIRST + AGAIN
        assert missed["actionFilters"][0]["actions"] == actions(production, "sev2")


def test_no_alert_and_no_monitor_is_mute(production: Deployment) -> None:
    alerts = list(production.of_type(ALERT))
    assert len(alerts) == 2 * 5 + 1 + 5
    for alert in alerts:
        assert all(group["actions"] for group in alert.inputs["actionFilters"]), alert.name
    monitors = list(production.of_type("uptimerobot:index/monitor:Monitor"))
    assert len(monitors) == 3 + 5
    for monitor in monitors:
        assert monitor.inputs["assignedAlertContacts"], monitor.name


@pytest.mark.parametrize("channel", ["oncall", "incidents", "operations", "automation"])
def test_the_address_of_a_channel_is_secret(production: Deployment, channel: str) -> None:
    # The provider takes every contact's address for a secret, a mailbox's too.
    assert is_secret(production[f"alerting-{channel}"].inputs["value"])
