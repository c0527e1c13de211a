"""The outside view of production, and the heartbeats of its jobs, as the engine holds them."""

from typing import Any

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

JOBS = ("database", "files", "proof", "drill")


def contacts(production: Deployment, severity: str) -> list[dict[str, Any]]:
    return [
        {"alertContactId": contact, "threshold": 0, "recurrence": 0}
        for contact in production.severity(severity)
    ]


@pytest.mark.parametrize(
    ("name", "severity"), [("backend-health", "sev1"), ("backend-version", "sev2"), ("frontend-page", "sev1")]
)
def test_a_monitor_alerts_the_channels_of_its_severity(
    production: Deployment, name: str, severity: str
) -> None:
    monitor = production[f"uptime-{name}"].inputs
    assert monitor["assignedAlertContacts"] == contacts(production, severity)
    assert monitor["groupId"] == int(production["uptime-group"].id)
    assert monitor["maintenanceWindowIds"] == [int(production["uptime-maintenance"].id)]


def test_a_monitor_refers_to_the_contacts_group_and_window_of_its_stack(production: Deployment) -> None:
    assert production["uptime-backend-health"].property_dependencies == {
        "assignedAlertContacts": {
            "alerting-oncall",
            "alerting-incidents",
            "alerting-operations",
            "alerting-automation",
        },
        "groupId": {"uptime-group"},
        "maintenanceWindowIds": {"uptime-maintenance"},
    }


def test_the_status_page_shows_the_three_addresses_and_no_heartbeat(production: Deployment) -> None:
    watched = [
        int(production[f"uptime-{name}"].id)
        for name in ("backend-health", "backend-version", "frontend-page")
    ]
    assert production["uptime-status-page"].inputs["monitorIds"] == watched


@pytest.mark.parametrize("job", JOBS)
def test_a_heartbeat_alerts_the_channels_of_its_severity(production: Deployment, job: str) -> None:
    heartbeat = production[f"job-{job}-heartbeat"].inputs
    assert heartbeat["assignedAlertContacts"] == contacts(production, "sev2")
    assert heartbeat["groupId"] == int(production["uptime-group"].id)


@pytest.mark.parametrize("job", JOBS)
def test_a_cron_monitor_belongs_to_the_backends_project_and_the_team(
    production: Deployment, job: str
) -> None:
    cron = production[f"job-{job}-cron"]
    assert cron.inputs["project"] == "backend"
    assert cron.inputs["owner"] == {"teamId": production["errors-team"].outputs["internalId"]}
    assert cron.property_dependencies == {"project": {"errors-backend-project"}, "owner": {"errors-team"}}
