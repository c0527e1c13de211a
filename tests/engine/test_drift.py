"""Changes behind Pulumi's back are found by name, and the next `up` puts them right."""

import json
import subprocess
from contextlib import closing

import pytest
from deployment import name_of
from fast_twin import FastTwin
from installations import CommandResult
from inventory import aws_client

from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot

pytestmark = pytest.mark.shares("fast_twin")

DRIFTED = {
    "uptime-frontend-page",
    "uptime-status-page",  # the vendor takes a deleted monitor off its page
    "backups-vault-access-log-public-access",
    "backups-vault-policy",
    "errors-backend-new-alert",
    "backups-identity-backup-writer-policies",
    "backups-identity-planner-attachments",
}
WRITER, PLANNER = "example-twin-backup-writer", "example-twin-planner"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def change_behind_pulumis_back(fast_twin: FastTwin) -> None:
    installation = fast_twin.installation
    uptimerobot, sentry, s3 = (
        UptimeRobot(installation.home),
        Sentry(installation.home),
        aws_client(installation, "s3"),
    )
    with closing(uptimerobot.store), closing(sentry.store):
        uptimerobot.delete("monitor", fast_twin.resource("uptime-frontend-page")["id"])
        alert = fast_twin.resource("errors-backend-new-alert")["id"]
        sentry.update("alert", alert, {"enabled": False})
    vault, log = (
        fast_twin.resource(name)["id"] for name in ("backups-vault-bucket", "backups-vault-access-log-bucket")
    )
    s3.delete_public_access_block(Bucket=log)
    policy = json.loads(s3.get_bucket_policy(Bucket=vault)["Policy"])
    policy["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{vault}/*"}
    )
    s3.put_bucket_policy(Bucket=vault, Policy=json.dumps(policy))
    iam = aws_client(installation, "iam")
    iam.put_role_policy(RoleName=WRITER, PolicyName="evil", PolicyDocument=json.dumps(EVERYTHING))
    made = iam.create_policy(PolicyName="evil", PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=PLANNER, PolicyArn=made)


def run_pulumi(fast_twin: FastTwin, folder: str, *arguments: str) -> CommandResult:
    home = fast_twin.installation.home
    ended = subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=home.root / "workspace" / folder,
        env=fast_twin.installation.engine_environment("local"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return CommandResult(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.scenario("a platform after up")
def test_drift_is_found_by_name_and_put_right_by_up(fast_twin: FastTwin) -> None:
    change_behind_pulumis_back(fast_twin)

    found = fast_twin.bulwark("refresh", "--json")
    assert found.code != 0
    assert {name_of(step["urn"]) for step in found.json["steps"]} == DRIFTED, found.json["steps"]

    looking = ("refresh", "--preview-only", "--expect-no-changes", "--stack", "local")
    plain = [run_pulumi(fast_twin, folder, *looking) for folder in ("administrator", ".")]
    assert all(one.code for one in plain)
    said = "".join(one.text for one in plain)
    assert [name for name in DRIFTED if name not in said] == [], said[-3_000:]

    assert fast_twin.bulwark("refresh", "--accept").code == 0
    healed = fast_twin.bulwark("up", "--json")
    assert healed.code == 0, healed.text[-3_000:]
    iam = aws_client(fast_twin.installation, "iam")
    assert iam.list_role_policies(RoleName=WRITER)["PolicyNames"] == ["backup-writer"]
    assert iam.list_attached_role_policies(RoleName=PLANNER)["AttachedPolicies"] == []
    iam.delete_policy(PolicyArn="arn:aws:iam::123456789012:policy/evil")
    again = fast_twin.bulwark("audit", "--live", "--json")
    assert again.code == 0, again.out[:3_000]
    assert again.json["passes"]
    assert [again.json[list_] for list_ in ("drift", "undeclared", "problems", "unknown")] == [[]] * 4
    assert len(again.json["looked_at"]) >= 18
