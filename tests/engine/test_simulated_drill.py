"""`drill credentials` of production: AWS simulates the calls of its roles, and none is made."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import role_clients
from deployment import Deployment
from received_alarms import list_alarms, no_alarms, wait_for_alarms

from components.guard import BOUNDED, BREAK_GLASS, REPLICATOR
from recovery.drill.credentials.intruders import INTRUDERS

pytestmark = pytest.mark.shares("production")

SIMULATED = {*BOUNDED, BREAK_GLASS} - {REPLICATOR}
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)


def drill(production: Deployment, evidence: Path) -> tuple[int, dict[str, Any]]:
    ended = production.installation.bulwark(
        "drill", "credentials", "--stack", "prod", "--twin", "--json", "--evidence", str(evidence)
    )
    assert ended.out, ended.text[-3_000:]
    return ended.code, ended.json


def test_the_calls_of_productions_roles_are_simulated_and_none_is_made(
    production: Deployment, tmp_path: Path
) -> None:
    with no_alarms(production.installation.home):  # not even a refused call was made
        code, evidence = drill(production, tmp_path / "evidence.json")
    [scenario] = evidence["scenarios"]
    assert (code, evidence["verdict"], scenario["faults"]) == (0, "passed", [])
    assert json.loads((tmp_path / "evidence.json").read_text())["scenarios"] == [scenario]
    assert (scenario["afterwards"], scenario["teardown"]) == ([], [])
    assert any("IAM user" in untested["why"] for untested in scenario["not_tested"])
    assert scenario["negative_control"]["found"]

    how: dict[str, Counter[str]] = {}
    for attempt in scenario["attempts"]:
        how.setdefault(attempt["credential"], Counter())[attempt["how"]] += 1
    calls = {intruder.credential: len(intruder.calls) or 1 for intruder in INTRUDERS}
    assert how == {
        credential: Counter({"simulated" if credential in SIMULATED else "not made": count})
        for credential, count in calls.items()
    }
    allowed = {
        (attempt["credential"], attempt["call"], attempt["target"])
        for attempt in scenario["attempts"]
        if attempt["outcome"] == "allowed"
    }
    assert allowed == {
        ("deployer", "secretsmanager:PutSecretValue", "writer's document"),
        ("break-glass", "kms:DisableKey", "primary vault"),
        ("break-glass", "kms:DeleteAlias", "primary vault"),
    }


def test_a_simulation_finds_a_role_that_was_widened(production: Deployment, tmp_path: Path) -> None:
    home = production.installation.home
    told = len(list_alarms(home))
    iam = role_clients.administrator(home).client("iam")
    role = {"RoleName": "example-backup-writer"}
    boundary = iam.get_role(**role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    iam.put_role_policy(**role, PolicyName="more", PolicyDocument=EVERYTHING)
    iam.delete_role_permissions_boundary(**role)
    try:
        code, evidence = drill(production, tmp_path / "evidence.json")
    finally:
        iam.put_role_permissions_boundary(**role, PermissionsBoundary=boundary)
        iam.delete_role_policy(**role, PolicyName="more")
        wait_for_alarms(home, told + 2 * 4)  # both endpoints are told of each of these calls
    [scenario] = evidence["scenarios"]
    assert (code, evidence["verdict"]) == (1, "failed")
    assert (
        "backup-writer: kms:ScheduleKeyDeletion on primary vault was allowed, and must be refused"
        in (scenario["faults"])
    )
    assert all(fault.startswith("backup-writer: ") for fault in scenario["faults"])
