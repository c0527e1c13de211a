"""What is changed behind Pulumi's back is found by name, and the next `up` puts it right."""

import json
import os
import subprocess
from contextlib import closing

import pytest
from botocore.exceptions import ClientError
from deployment import name_of
from fast_twin import Living
from installations import Finished
from inventory import aws

from engine import stack_target, twin
from toolchain.engine import search_path
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot

DRIFTED = {
    "uptime-frontend",
    "uptime-status-page",  # the vendor takes a deleted monitor off its page
    "backups-vault-access-log-public-access",
    "backups-vault-policy",
    "errors-backend-new-alert",
}


def change_everything(living: Living) -> None:
    installation = living.installation
    uptimerobot, sentry, s3 = (
        UptimeRobot(installation.home),
        Sentry(installation.home),
        aws(installation, "s3"),
    )
    with closing(uptimerobot.store), closing(sentry.store):
        uptimerobot.delete("monitor", living.resource("uptime-frontend")["id"])
        alert = living.resource("errors-backend-new-alert")["id"]
        sentry.update("alert", alert, {"enabled": False})
    vault, log = (
        living.resource(name)["id"] for name in ("backups-vault-bucket", "backups-vault-access-log-bucket")
    )
    s3.delete_public_access_block(Bucket=log)
    policy = json.loads(s3.get_bucket_policy(Bucket=vault)["Policy"])
    policy["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{vault}/*"}
    )
    s3.put_bucket_policy(Bucket=vault, Policy=json.dumps(policy))


def plain_pulumi(living: Living, *arguments: str) -> Finished:
    home = living.installation.home
    settings = stack_target.find("local", on_twin=True).settings
    ended = subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=home.root / "workspace",
        env=os.environ | twin.engine_environment(home, settings) | {"PATH": search_path()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def test_a_vaults_versioning_cannot_be_switched_off_at_all(living: Living) -> None:
    vault = living.resource("backups-vault-bucket")["id"]
    with pytest.raises(ClientError, match="InvalidBucketState"):
        aws(living.installation, "s3").put_bucket_versioning(
            Bucket=vault, VersioningConfiguration={"Status": "Suspended"}
        )


def test_drift_is_found_by_name_and_healed(living: Living) -> None:
    change_everything(living)

    found = living.bulwark("refresh", "--json")
    assert found.code != 0
    assert {name_of(step["urn"]) for step in found.json["steps"]} == DRIFTED, found.json["steps"]

    plain = plain_pulumi(living, "refresh", "--preview-only", "--expect-no-changes", "--stack", "local")
    assert plain.code != 0
    assert [name for name in DRIFTED if name not in plain.text] == [], plain.text[-3_000:]

    assert living.bulwark("refresh", "--accept").code == 0
    healed = living.bulwark("up", "--json")
    assert healed.code == 0, healed.text[-3_000:]
    again = living.bulwark("refresh", "--json")
    assert again.code == 0
    assert again.json["steps"] == []
