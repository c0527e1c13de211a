"""Existing resources are adopted: imported, never created twice, and changed only where necessary."""

import difflib
import subprocess
import sys

import pytest
import role_clients
from deployment import Deployment
from installations import Installation

from twin.host.home import TwinHome
from twin.neon.model import Neon
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot

PROD = ("--stack", "prod", "--twin")
BUCKET = "files-since-2024"
TAGS = {"Project": "example", "Environment": "production", "ManagedBy": "pulumi"}


def create_database(home: TwinHome) -> None:
    Neon(home).create(
        "project",
        {
            "name": "example-production",
            "orgId": "org-example-00000000",
            "regionId": "aws-eu-central-1",
            "pgVersion": 17,
            "historyRetentionSeconds": 604_800,
            "defaultBranchProtected": True,
            "storePassword": "yes",
            "branch": {"name": "main", "roleName": "platform_owner", "databaseName": "platform"},
            "defaultEndpointSettings": {
                "autoscalingLimitMinCu": 0.25,
                "autoscalingLimitMaxCu": 2,
                "suspendTimeoutSeconds": 0,
            },
            "quota": {"computeTimeSeconds": 1_800_000, "logicalSizeBytes": 50_000_000_000},
        },
    )


def create_sentry_project(home: TwinHome) -> None:
    sentry = Sentry(home)
    where = {"organization": "example"}
    sentry.create("team", {**where, "name": "Platform", "slug": "platform"})
    project = {"name": "backend", "slug": "backend", "teams": ["platform"], "platform": "node-express"}
    sentry.create("project", {**where, **project})


def create_monitor(home: TwinHome) -> None:
    """Create the monitor that the program declares, but without the stack's contacts, group and window."""
    UptimeRobot(home).create(
        "monitor",
        {
            "name": "example health",
            "type": "KEYWORD",
            "url": "https://api.example.com/health",
            "interval": 60,
            "timeout": 30,
            "httpMethodType": "GET",
            "successHttpResponseCodes": ["2xx"],
            "keywordType": "ALERT_NOT_EXISTS",
            "keywordCaseType": "CaseSensitive",
            "keywordValue": '"status":"ok"',
            "checkSslErrors": True,
            "sslExpirationReminder": True,
            "domainExpirationReminder": True,
            "config": {"sslExpirationPeriodDays": [30, 14, 7, 1]},
            "responseTimeThreshold": 2000,
            "regionData": {"regions": ["eu", "na", "as"], "autoSelect": False},
            "isPaused": False,
            "tags": ["example", "sev1"],
        },
    )


def create_bucket(home: TwinHome) -> None:
    s3 = role_clients.administrator(home).client("s3")
    s3.create_bucket(
        Bucket=BUCKET,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    s3.put_bucket_tagging(
        Bucket=BUCKET, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in TAGS.items()]}
    )


def start_services(installation: Installation) -> None:
    program = (
        "from engine.targets import find_target; from rich.console import Console\n"
        "find_target('prod', on_twin=True).prepare(Console(stderr=True))\n"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=installation.folder,
        env=installation.environment,
        check=True,
        timeout=120,
    )


@pytest.fixture
def adoptable(installation: Installation) -> Installation:
    """Give production's settings, and a twin with a resource of each type that they can adopt."""
    start_services(installation)
    create_bucket(installation.home)
    create_sentry_project(installation.home)
    create_monitor(installation.home)
    create_database(installation.home)
    # The stack would give its bucket another name, so that only a person can know this one.
    installation.edit("Pulumi.prod.yaml", "access_log_days: 90", f"access_log_days: 90\n    adopt: {BUCKET}")
    return installation


def test_existing_resources_are_found_written_into_the_settings_and_imported_by_the_first_up(
    adoptable: Installation,
) -> None:
    home = adoptable.home
    neon, robot, sentry = Neon(home), UptimeRobot(home), Sentry(home)
    projects = neon.store.list("neon", "project")
    backend = sentry.read("project", "example/backend")
    (project,) = projects
    branch = neon.find_default_branch(project)
    (monitor,) = robot.store.list("uptimerobot", "monitor")
    file = adoptable.folder / "Pulumi.prod.yaml"
    before = file.read_text()
    written = [
        "    adopt:",
        f"      project: {project}",
        f"      branch: {branch}",
        "      roles: [owner]",
        "    adopt:",
        f"      health: {monitor}",
        '      backend: { platform: node-express, events_per_minute: 600, paths: ["server/**"], '
        "adopt: backend }",
        "    adopt_team: true",
    ]

    # Without a terminal the settings are only shown.
    shown = adoptable.bulwark("adopt", *PROD)
    assert shown.code == 1
    assert "nobody is here to confirm; type `./bulwark adopt --stack prod --twin --yes`" in shown.err
    assert [line[1:] for line in shown.out.splitlines() if line.startswith("+ ")] == written
    assert file.read_text() == before

    adopted = adoptable.bulwark("adopt", *PROD, "--yes", "--json")
    assert adopted.code == 0, adopted.text
    assert (adopted.json["written"], adopted.json["failures"]) == (True, [])
    assert {one["setting"]: one["status"] for one in adopted.json["found"]} == {
        "bulwark:database.adopt": "found",
        "bulwark:uptime.adopt.health": "found",
        "bulwark:uptime.adopt.version": "missing",
        "bulwark:uptime.adopt.frontend": "missing",
        "bulwark:errors.adopt_team": "found",
        "bulwark:errors.services.backend.adopt": "found",
        "bulwark:errors.services.frontend.adopt": "missing",
        "bulwark:backups.adopt": "set",
    }
    changed = difflib.ndiff(before.splitlines(), file.read_text().splitlines())
    assert [line[2:] for line in changed if line.startswith("+ ")] == written

    done = adoptable.bulwark("up", *PROD, "--yes", "--json")
    assert done.code == 0, done.text[-3_000:]

    # Imports are counted, and only the monitor was updated: it had no contacts of this stack.
    counts = done.json["changes"]
    assert set(counts) == {"create", "import", "update"}
    assert counts["update"] == 1
    stack = Deployment(adoptable, "prod")
    imported = {found.name: found.id for found in stack.custom() if found.option("importID")}
    assert stack["database-project"].outputs["defaultBranchId"] == branch
    assert imported == {
        "database-project": project,
        "database-role-owner": f"{project}/{branch}/platform_owner",
        "database-database": f"{project}/{branch}/platform",
        "errors-team": "platform",
        "errors-backend-project": "backend",
        "uptime-health": monitor,
        "backups-vault-bucket": BUCKET,
    }
    assert {stack[name].protected for name in imported if name.startswith(("database", "backups"))} == {True}

    assert neon.store.list("neon", "project") == projects
    assert sentry.read("project", "example/backend") == backend
    monitors = robot.store.list("uptimerobot", "monitor")
    assert [id_ for id_, found in monitors.items() if found["name"] == "example health"] == [monitor]
    assert len(monitors[monitor]["assignedAlertContacts"]) == 4

    again = adoptable.bulwark("preview", *PROD, "--json")
    assert (again.code, again.json["steps"]) == (0, [])
    # Resources that the stack has created are not offered for adoption either.
    after = adoptable.bulwark("adopt", *PROD)
    assert (after.code, after.err) == (0, "")
    assert "Nothing is left to be written into Pulumi.prod.yaml." in after.out
    assert after.out.count("this stack has it") == len(adopted.json["found"])
    assert project in after.out
