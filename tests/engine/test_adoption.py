"""What exists already is taken over as it is: imported, never made twice, changed only where it must be."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from deployment import Deployment
from installations import Installation

from local.home import TwinHome
from local.vendors.neon import Neon
from local.vendors.sentry import Sentry
from local.vendors.uptimerobot import UptimeRobot

PROD = ("--stack", "prod", "--twin")
BUCKET = "files-since-2024"
TAGS = {"Project": "example", "Environment": "production", "ManagedBy": "pulumi"}


def settings(installation: Installation, changes: dict[str, dict[str, Any]]) -> None:
    """Change blocks of Pulumi.prod.yaml."""
    path: Path = installation.folder / "Pulumi.prod.yaml"
    content = yaml.safe_load(path.read_text())
    for block, change in changes.items():
        content["config"][f"bulwark:{block}"] |= change
    path.write_text(yaml.safe_dump(content))


def existing_database(home: TwinHome) -> dict[str, str]:
    neon = Neon(home)
    project, made = neon.create(
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
    return {"project": project, "branch": made["defaultBranchId"]}


def existing_sentry_project(home: TwinHome) -> None:
    sentry = Sentry(home)
    where = {"organization": "example"}
    sentry.create("team", {**where, "name": "Platform", "slug": "platform"})
    project = {"name": "backend", "slug": "backend", "teams": ["platform"], "platform": "node-express"}
    sentry.create("project", {**where, **project})


def existing_monitor(home: TwinHome) -> int:
    """Make a monitor as the program would, except for what it can't know: the contacts, group and window."""
    identifier, _ = UptimeRobot(home).create(
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
    return int(identifier)


def existing_bucket(home: TwinHome) -> None:
    s3: Any = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{home.port('aws')}",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
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
        "from cli import stack_file, twin; from rich.console import Console\n"
        "space = stack_file.find('prod', on_twin=True)\n"
        "twin.make_ready(space.twin, space.settings, Console(stderr=True))\n"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=installation.folder,
        env=installation.environment,
        check=True,
        timeout=120,
    )


@pytest.fixture
def adopting(installation: Installation) -> Installation:
    """Give production's settings with `adopt` for everything that they can adopt, and a twin that has it."""
    start_services(installation)
    existing_bucket(installation.home)
    existing_sentry_project(installation.home)
    monitor = existing_monitor(installation.home)
    content = yaml.safe_load((installation.folder / "Pulumi.prod.yaml").read_text())
    services = content["config"]["bulwark:errors"]["services"]
    services["backend"]["adopt"] = "backend"
    settings(
        installation,
        {
            "database": {"adopt": existing_database(installation.home)},
            "errors": {"adopt_team": True, "services": services},
            "uptime": {"adopt": {"health": monitor}},
            "backups": {"adopt": BUCKET},
        },
    )
    return installation


def test_the_first_up_takes_over_what_exists_and_makes_no_second_one(adopting: Installation) -> None:
    home = adopting.home
    projects = Neon(home).store.list("neon", "project")
    backend = Sentry(home).read("project", "example/backend")
    (project,) = projects
    (monitor,) = UptimeRobot(home).store.list("uptimerobot", "monitor")

    done = adopting.bulwark("up", *PROD, "--yes", "--json")
    assert done.code == 0, done.text[-3_000:]

    # An import is counted, and nothing but the monitor was changed: it had nobody of this stack to tell.
    counts = done.json["changes"]
    assert set(counts) == {"create", "import", "update"}
    assert counts["update"] == 1
    stack = Deployment(adopting, "prod")
    imported = {found.name: found.id for found in stack.custom() if found.option("importID")}
    branch = stack["database-project"].outputs["defaultBranchId"]
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

    assert Neon(home).store.list("neon", "project") == projects
    assert Sentry(home).read("project", "example/backend") == backend
    monitors = UptimeRobot(home).store.list("uptimerobot", "monitor")
    assert [id_ for id_, found in monitors.items() if found["name"] == "example health"] == [monitor]
    assert len(monitors[monitor]["assignedAlertContacts"]) == 4

    again = adopting.bulwark("preview", *PROD, "--json")
    assert (again.code, again.json["steps"]) == (0, [])
