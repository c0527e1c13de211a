"""What exists already is taken over as it is: imported, not made a second time, and changed only where it must."""

from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from conftest import Installation
from deployment import name_of

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


@pytest.fixture
def adopting(installation: Installation) -> Installation:
    """Give production's settings with `adopt` for everything that they can adopt, and a twin that has it."""
    assert installation.bulwark("preview", *PROD).code == 0  # starts the services
    existing_bucket(installation.home)
    existing_sentry_project(installation.home)
    monitor = existing_monitor(installation.home)
    services = yaml.safe_load((installation.folder / "Pulumi.prod.yaml").read_text())
    backend = services["config"]["bulwark:errors"]["services"]
    backend["backend"]["adopt"] = "backend"
    settings(
        installation,
        {
            "database": {"adopt": existing_database(installation.home)},
            "errors": {"adopt_team": True, "services": backend},
            "uptime": {"adopt": {"health": monitor}},
            "backups": {"adopt": BUCKET},
        },
    )
    return installation


def test_the_first_up_imports_what_exists_and_makes_no_second_one(adopting: Installation) -> None:
    planned = adopting.bulwark("preview", *PROD, "--json")
    assert planned.code == 0, planned.text[-3_000:]
    steps = {
        name: (step["op"], step["properties"])
        for step in planned.json["steps"]
        if (name := name_of(step["urn"])) in ADOPTED or step["op"] != "create"
    }
    print({k: v for k, v in steps.items()})
    done = adopting.bulwark("up", *PROD, "--yes", "--json")
    assert done.code == 0, done.text[-3_000:]
    again = adopting.bulwark("preview", *PROD, "--json")
    assert (again.code, again.json["steps"]) == (0, [])


ADOPTED = {"database-project"}
