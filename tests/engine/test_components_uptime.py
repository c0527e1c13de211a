"""The outside view of production, and the heartbeats of its jobs, as the engine holds them."""

from typing import Any

import pytest
from deployment import Deployment

MONITOR = "uptimerobot:index/monitor:Monitor"
JOBS: dict[str, dict[str, Any]] = {
    "database": {
        "title": "example database dump",
        "schedule": "17 2 * * *",
        "every": 24 * 3600,
        "lateness": 120,
        "longest": 30,
        "kept": 35,
    },
    "files": {
        "title": "example file backup",
        "schedule": "47 2 * * *",
        "every": 24 * 3600,
        "lateness": 120,
        "longest": 45,
        "kept": 30,
    },
    "drill": {
        "title": "example recovery drill",
        "schedule": "23 4 * * 6",
        "every": 7 * 24 * 3600,
        "lateness": 180,
        "longest": 60,
        "kept": 400,
    },
}
"""What Pulumi.prod.yaml says; `every` in seconds, `lateness` and `longest` in minutes, `kept` in days."""


def contacts(production: Deployment, severity: str) -> list[dict[str, Any]]:
    return [
        {"alertContactId": contact, "threshold": 0, "recurrence": 0}
        for contact in production.severity(severity)
    ]


def http(production: Deployment, name: str, url: str, severity: str) -> dict[str, Any]:
    """Return what all monitors of an address have in common."""
    return {
        "name": f"example {name}",
        "type": "HTTP",
        "url": url,
        "interval": 60,
        "timeout": 30,
        "httpMethodType": "GET",
        "followRedirections": False,
        "successHttpResponseCodes": ["2xx"],
        "checkSslErrors": True,
        "sslExpirationReminder": True,
        "domainExpirationReminder": True,
        "config": {"sslExpirationPeriodDays": [30, 14, 7, 1]},
        "responseTimeThreshold": 2000,
        "regionData": {"regions": ["eu", "na", "as"], "autoSelect": False},
        "assignedAlertContacts": contacts(production, severity),
        "groupId": int(production["uptime-group"].id),
        "maintenanceWindowIds": [int(production["uptime-maintenance"].id)],
        "isPaused": False,
        "tags": ["example", severity],
    }


def test_its_children_are_three_monitors_their_group_window_and_status_page(production: Deployment) -> None:
    assert production.children("uptime") == {
        "uptime-group": "uptimerobot:index/monitorGroup:MonitorGroup",
        "uptime-maintenance": "uptimerobot:index/maintenanceWindow:MaintenanceWindow",
        "uptime-health": MONITOR,
        "uptime-version": MONITOR,
        "uptime-frontend": MONITOR,
        "uptime-status-page": "uptimerobot:index/psp:Psp",
    }


def test_it_tells_policies_what_it_watches(production: Deployment) -> None:
    assert production["uptime"].inputs == {
        "watches": [
            {"url": "https://api.example.com/health", "severity": "sev1"},
            {"url": "https://api.example.com/api/version", "severity": "sev2"},
            {"url": "https://app.example.com/", "severity": "sev1"},
        ]
    }


def test_health_must_say_ok_every_minute_to_three_regions_or_sev1_is_told(production: Deployment) -> None:
    assert production["uptime-health"].inputs == http(
        production, "health", "https://api.example.com/health", "sev1"
    ) | {
        "type": "KEYWORD",
        "keywordType": "ALERT_NOT_EXISTS",
        "keywordCaseType": "CaseSensitive",
        "keywordValue": '"status":"ok"',
    }


def test_the_version_is_watched_for_sev2(production: Deployment) -> None:
    assert production["uptime-version"].inputs == http(
        production, "version", "https://api.example.com/api/version", "sev2"
    )


def test_the_frontend_may_redirect(production: Deployment) -> None:
    assert production["uptime-frontend"].inputs == http(
        production, "frontend", "https://app.example.com/", "sev1"
    ) | {"followRedirections": True}


def test_a_monitor_gets_its_people_from_the_contacts_that_this_stack_makes(production: Deployment) -> None:
    assert production["uptime-health"].property_dependencies == {
        "assignedAlertContacts": {
            "alerting-oncall",
            "alerting-incidents",
            "alerting-operations",
            "alerting-automation",
        },
        "groupId": {"uptime-group"},
        "maintenanceWindowIds": {"uptime-maintenance"},
    }


def test_maintenance_silences_only_what_names_it(production: Deployment) -> None:
    assert production["uptime-maintenance"].inputs == {
        "name": "example maintenance",
        "interval": "weekly",
        "days": [7],
        "time": "03:00:00",
        "duration": 30,
        "autoAddMonitors": False,
    }


def test_the_status_page_shows_the_three_addresses_and_no_heartbeat(production: Deployment) -> None:
    page = production["uptime-status-page"]
    watched = [int(production[f"uptime-{name}"].id) for name in ("health", "version", "frontend")]
    assert page.inputs == {"name": "Example status", "status": "ENABLED", "monitorIds": watched}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_a_heartbeat_a_cron_monitor_and_an_alert(production: Deployment, job: str) -> None:
    assert production.children(f"job-{job}") == {
        f"job-{job}-heartbeat": MONITOR,
        f"job-{job}-cron": "sentry:index/cronMonitor:CronMonitor",
        f"job-{job}-alert": "sentry:index/alert:Alert",
    }


@pytest.mark.parametrize("job", JOBS)
def test_a_job_tells_policies_what_it_protects_when_and_where(production: Deployment, job: str) -> None:
    wanted = JOBS[job]
    database, files, vault, replica = (
        production[name].raw["urn"]
        for name in ("database-project", "files", "backups-vault-bucket", "backups-replica-bucket")
    )
    assert production[f"job-{job}"].inputs == {
        "protects": {"database": [database], "files": [files], "drill": []}[job],
        # A drill saves nothing, it restores.
        "copies": [] if job == "drill" else [vault, replica],
        "drills": [database, files] if job == "drill" else [],
        "schedule": wanted["schedule"],
        "longestRunMinutes": wanted["longest"],
        "latenessMinutes": wanted["lateness"],
        "retentionDays": wanted["kept"],
    }


@pytest.mark.parametrize("job", JOBS)
def test_a_heartbeat_follows_the_schedule_and_bears_a_late_and_long_run(
    production: Deployment, job: str
) -> None:
    wanted = JOBS[job]
    assert production[f"job-{job}-heartbeat"].inputs == {
        "name": wanted["title"],
        "type": "HEARTBEAT",
        "interval": wanted["every"],
        "gracePeriod": (wanted["lateness"] + wanted["longest"]) * 60,
        "assignedAlertContacts": contacts(production, "sev2"),
        "groupId": int(production["uptime-group"].id),
        "isPaused": False,
        "tags": ["heartbeat", "sev2"],
    }


@pytest.mark.parametrize("job", JOBS)
def test_the_cron_monitor_has_the_jobs_own_schedule(production: Deployment, job: str) -> None:
    wanted, cron = JOBS[job], production[f"job-{job}-cron"]
    assert cron.inputs == {
        "organization": "example",
        "project": "backend",
        "name": wanted["title"],
        "schedule": {"crontab": wanted["schedule"]},
        "timezone": "UTC",
        "checkinMarginMinutes": wanted["lateness"],
        "maxRuntimeMinutes": wanted["longest"],
        "failureIssueThreshold": 1,
        "recoveryThreshold": 1,
        "enabled": True,
        "owner": {"teamId": production["errors-team"].outputs["internalId"]},
    }
    assert cron.property_dependencies == {"project": {"errors-backend-project"}, "owner": {"errors-team"}}
