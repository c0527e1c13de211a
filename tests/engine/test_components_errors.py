"""Error tracking and alert routes of production, as the engine holds them."""

from typing import Any

import pytest
from deployment import Deployment, is_secret

SERVICES = {"backend": ("node-express", 600, "server/**"), "frontend": ("javascript-react", 300, "client/**")}
ALERT = "sentry:index/alert:Alert"
FIRST: list[dict[str, Any]] = [{"firstSeenEvent": {}}]
AGAIN: list[dict[str, Any]] = [{"regressionEvent": {}}, {"reappearedEvent": {}}]

each = pytest.mark.parametrize("service", SERVICES)


def actions(production: Deployment, severity: str) -> list[dict[str, Any]]:
    """Return what Sentry does for an incident of this level, by production's settings."""
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


@each
def test_a_service_has_a_project_a_key_protection_ownership_metrics_and_alerts(
    production: Deployment, service: str
) -> None:
    prefix = f"errors-{service}"
    found = {
        name: kind for name, kind in production.children("errors").items() if name.startswith(f"{prefix}-")
    }
    assert found == {
        f"{prefix}-project": "sentry:index/project:Project",
        f"{prefix}-key": "sentry:index/key:Key",
        f"{prefix}-spike-protection": "sentry:index/projectSpikeProtection:ProjectSpikeProtection",
        f"{prefix}-ownership": "sentry:index/projectOwnership:ProjectOwnership",
        f"{prefix}-failure-rate": "sentry:index/metricMonitor:MetricMonitor",
        f"{prefix}-latency": "sentry:index/metricMonitor:MetricMonitor",
        **{
            f"{prefix}-{alert}-alert": ALERT
            for alert in ("new", "regressed", "frequent", "failure-rate", "latency")
        },
    }


def test_the_team_owns_everything_and_health_is_looked_at_a_second_time(production: Deployment) -> None:
    shared = {
        name: kind
        for name, kind in production.children("errors").items()
        if not name.startswith(tuple(f"errors-{service}-" for service in SERVICES))
    }
    assert shared == {
        "errors-team": "sentry:index/team:Team",
        "errors-health": "sentry:index/uptimeMonitor:UptimeMonitor",
        "errors-down-alert": ALERT,
    }
    assert production["errors-team"].inputs == {
        "organization": "example",
        "name": "Platform",
        "slug": "platform",
    }
    assert production["errors-health"].inputs == {
        "organization": "example",
        "project": "backend",
        "name": "Health, second look",
        "url": "https://api.example.com/health",
        "method": "GET",
        "intervalSeconds": 60,
        "timeoutMs": 10_000,
        "environment": "production",
        "downtimeThreshold": 2,
        "recoveryThreshold": 1,
        "enabled": True,
        "owner": {"teamId": production["errors-team"].outputs["internalId"]},
    }


@each
def test_a_project_comes_without_sentrys_own_key_and_alert(production: Deployment, service: str) -> None:
    platform, _, paths = SERVICES[service]
    project = production[f"errors-{service}-project"]
    assert project.inputs == {
        "organization": "example",
        "teams": ["platform"],
        "name": service,
        "slug": service,
        "platform": platform,
        "defaultKey": False,
        "defaultRules": False,
    }
    assert project.property_dependencies == {"teams": {"errors-team"}}
    ownership = production[f"errors-{service}-ownership"]
    assert ownership.inputs["raw"] == f"path:{paths} #platform"
    # Sentry refuses rules that name a team it does not know.
    assert ownership.dependencies == {f"errors-{service}-project", "errors-team"}
    assert production[f"errors-{service}-spike-protection"].inputs["enabled"] is True


@each
def test_a_key_is_rate_limited_and_its_dsn_secret(production: Deployment, service: str) -> None:
    key = production[f"errors-{service}-key"]
    assert key.inputs == {
        "organization": "example",
        "project": service,
        "name": f"{service} production",
        "rateLimitWindow": 60,
        "rateLimitCount": SERVICES[service][1],
    }
    assert is_secret(key.outputs["dsn"])


@each
@pytest.mark.parametrize(
    ("metric", "aggregate", "threshold"),
    [("failure-rate", "failure_rate()", 0.05), ("latency", "p95(transaction.duration)", 1000)],
)
def test_a_metric_monitor_opens_above_its_threshold_and_closes_below(
    production: Deployment, service: str, metric: str, aggregate: str, threshold: float
) -> None:
    monitor = production[f"errors-{service}-{metric}"].inputs
    assert (monitor["project"], monitor["aggregate"]) == (service, aggregate)
    assert monitor["environment"] == "production"
    assert monitor["timeWindowSeconds"] == 600
    assert monitor["issueDetection"] == {"type": "static"}
    assert monitor["conditionGroup"] == {
        "logicType": "any",
        "conditions": [
            {"type": "gt", "comparison": threshold, "conditionResult": 75},
            {"type": "lte", "comparison": threshold, "conditionResult": 0},
        ],
    }


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
def test_an_alert_tells_those_whom_its_level_names(
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
        "errors-down-alert": "errors-health",
        **{f"job-{job}-alert": f"job-{job}-cron" for job in ("database", "files", "drill")},
        **{
            f"errors-{service}-{metric}-alert": f"errors-{service}-{metric}"
            for service in SERVICES
            for metric in ("failure-rate", "latency")
        },
    }
    for alert, monitor in watched.items():
        assert production[alert].inputs["monitorIds"] == [production[monitor].id]
        assert production[alert].property_dependencies["monitorIds"] == {monitor}


def test_each_outage_is_told_not_only_the_first(production: Deployment) -> None:
    down = production["errors-down-alert"].inputs
    assert down["triggerConditions"] == FIRST + AGAIN
    assert down["actionFilters"][0]["actions"] == actions(production, "sev1")
    for job in ("database", "files", "drill"):
        missed = production[f"job-{job}-alert"].inputs
        assert missed["triggerConditions"] == FIRST + AGAIN
        assert missed["actionFilters"][0]["actions"] == actions(production, "sev2")


def test_no_alert_and_no_monitor_is_mute(production: Deployment) -> None:
    alerts = list(production.of_type(ALERT))
    assert len(alerts) == 2 * 5 + 1 + 3
    for alert in alerts:
        assert all(group["actions"] for group in alert.inputs["actionFilters"]), alert.name
    monitors = list(production.of_type("uptimerobot:index/monitor:Monitor"))
    assert len(monitors) == 3 + 3
    for monitor in monitors:
        assert monitor.inputs["assignedAlertContacts"], monitor.name


def test_a_channel_is_declared_once_per_vendor(production: Deployment) -> None:
    assert production.children("alerting") == {
        "alerting-oncall": "uptimerobot:index/integration:Integration",
        "alerting-oncall-service": "sentry:index/integrationPagerduty:IntegrationPagerduty",
        "alerting-incidents": "uptimerobot:index/integration:Integration",
        "alerting-operations": "uptimerobot:index/alertContact:AlertContact",
        "alerting-automation": "uptimerobot:index/integration:Integration",
    }


def test_routes_are_told_to_policies_as_kinds_of_channel(production: Deployment) -> None:
    assert production["alerting"].inputs == {
        "routes": {
            "sev1": ["pagerduty", "slack", "email", "webhook"],
            "sev2": ["slack", "email", "webhook"],
            "sev3": ["slack"],
            "sev4": ["email"],
        }
    }


@pytest.mark.parametrize(
    ("channel", "wanted"),
    [
        ("oncall", {"type": "pagerduty", "location": "us", "autoResolve": True}),
        ("incidents", {"type": "slack", "customValue": "#incidents"}),
        (
            "automation",
            {
                "type": "webhook",
                "postValue": '{"monitor":"*monitorFriendlyName*","url":"*monitorURL*",'
                '"state":"*alertTypeFriendlyName*","details":"*alertDetails*"}',
                "sendAsJson": True,
                "sendAsQueryString": False,
                "sendAsPostParameters": False,
            },
        ),
    ],
)
def test_an_integration_says_everything_that_would_drift(
    production: Deployment, channel: str, wanted: dict[str, Any]
) -> None:
    inputs = dict(production[f"alerting-{channel}"].inputs)
    assert is_secret(inputs.pop("value"))
    assert inputs == wanted | {"name": channel, "enableNotificationsFor": 1, "sslExpirationReminder": True}


def test_mail_goes_to_the_watched_mailbox(production: Deployment) -> None:
    inputs = dict(production["alerting-operations"].inputs)
    assert is_secret(inputs.pop("value"))  # the provider takes every contact's address for a secret
    assert inputs == {
        "name": "operations",
        "type": "email",
        "notificationEvents": "up_and_down",
        "sslExpirationReminder": True,
        "isActive": True,
    }
