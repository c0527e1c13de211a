"""Each command of backups assumes the role that is meant for it, and names a role that has too few rights."""

import json
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import role_clients
from fast_twin import FastTwin
from installations import CommandResult
from sampling import Draw

from twin.vendor.store import VendorStore

pytestmark = [pytest.mark.shares("fast_twin-2"), pytest.mark.scenario("a deployed stack")]

WRITER, RESTORER = "example-twin-backup-writer", "example-twin-backup-restorer"
POLICIES = {WRITER: "backup-writer", RESTORER: "backup-restorer"}


def run(fast_twin: FastTwin, *arguments: str, **variables: str) -> CommandResult:
    return fast_twin.installation.bulwark(*arguments, timeout_seconds=180, **variables)


def iam(fast_twin: FastTwin) -> Any:
    return role_clients.administrator(fast_twin.installation.home).client("iam")


@contextmanager
def replaced_policy(fast_twin: FastTwin, role: str, document: dict[str, Any]) -> Generator[None]:
    """Give a role another policy, behind the engine's back."""
    named = {"RoleName": role, "PolicyName": POLICIES[role]}
    before = iam(fast_twin).get_role_policy(**named)["PolicyDocument"]
    iam(fast_twin).put_role_policy(**named, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam(fast_twin).put_role_policy(**named, PolicyDocument=json.dumps(before))


def policy_of(fast_twin: FastTwin, role: str) -> dict[str, Any]:
    return iam(fast_twin).get_role_policy(RoleName=role, PolicyName=POLICIES[role])["PolicyDocument"]


def backup_ids(fast_twin: FastTwin) -> list[str]:
    return [one["id"] for one in run(fast_twin, "backups", "--json").json]


@pytest.fixture(scope="module")
def backup(fast_twin: FastTwin) -> str:
    backup_run = run(fast_twin, "backup", "database", "--json")
    assert backup_run.code == 0, backup_run.text
    return backup_run.json["database"]["id"]


def test_a_backup_is_written_with_the_writers_role_and_not_with_the_rights_of_a_reader(
    fast_twin: FastTwin, backup: str
) -> None:
    before = backup_ids(fast_twin)
    assert backup in before
    with replaced_policy(fast_twin, WRITER, policy_of(fast_twin, RESTORER)):
        refused = run(fast_twin, "backup", "database")
        assert refused.code == 1
        assert "the credentials may not do this" in refused.err
        assert f"assumed-role/{WRITER}/bulwark is not authorized to perform: s3:PutObject" in refused.err
        assert "backups are written as writer_role" in refused.err
        assert backup_ids(fast_twin) == before


def test_backups_are_read_with_the_restorers_role(
    fast_twin: FastTwin, backup: str, tmp_path: Path, draw: Draw
) -> None:
    nothing = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    with replaced_policy(fast_twin, RESTORER, nothing):
        commands = (
            ("backups",),
            ("verify", "--backup", backup),
            ("restore", "--to", "postgresql://somebody@127.0.0.1:1/empty"),
        )
        for command in draw("commands of the restorer", commands, 1):
            refused = run(fast_twin, *command)
            assert refused.code == 1, command
            assert f"assumed-role/{RESTORER}/bulwark is not authorized" in refused.err, command
            assert "read and restored as restorer_role" in refused.err
        assert list(tmp_path.iterdir()) == []
    assert backup in backup_ids(fast_twin)


def test_a_verification_by_a_reader_is_recorded_by_the_writer_later(
    fast_twin: FastTwin, backup: str, tmp_path: Path
) -> None:
    def verified() -> str | None:
        return next(
            one["verified"] for one in run(fast_twin, "backups", "--json").json if one["id"] == backup
        )

    with replaced_policy(fast_twin, WRITER, policy_of(fast_twin, RESTORER)):
        looked = run(fast_twin, "verify", "--backup", backup, "--json")
        assert looked.code == 0, looked.text
        assert looked.json["recorded"] is False
        assert "Not recorded" in looked.err
        assert verified() is None
    printed = tmp_path / "looked.json"
    printed.write_text(looked.out)
    for _ in range(2):
        added = run(fast_twin, "verify", "--add", str(printed))
        assert (added.code, added.out) == (0, f"Recorded: {backup}.\n"), added.text
    assert verified() is not None
    printed.write_text("{}")
    assert "is not what a verification printed" in run(fast_twin, "verify", "--add", str(printed)).err
    assert "can't be read" in run(fast_twin, "verify", "--add", str(tmp_path / "missing")).err


def test_the_proof_is_reported_by_the_run_that_puts_it_into_the_vault(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    """As the jobs of backup.yml do: one restores and compares, and may write nothing; another keeps that."""
    heartbeat = fast_twin.resource("job-proof-heartbeat")["id"]

    def pinged() -> float:
        with closing(VendorStore(fast_twin.installation.home.vendors)) as store:
            watch = store.get("twin", "watch", f"uptimerobot:{heartbeat}")
        return (watch or {}).get("pinged", 0.0)

    before, proof = pinged(), tmp_path / "proof.json"
    assert run(fast_twin, "backup", "all").code == 0
    with replaced_policy(fast_twin, WRITER, policy_of(fast_twin, RESTORER)):
        restored = run(fast_twin, "verify", "--deep", "--json")
        assert restored.code == 0, restored.text
        proof.write_text(restored.out)
    assert pinged() == before
    kept = run(fast_twin, "verify", "--add", str(proof))
    assert (kept.code, kept.err) == (0, ""), kept.text
    assert pinged() > before
    assert "No proof is missing or too old." in run(fast_twin, "backups").out


def test_expired_credentials_are_reported_and_nothing_is_written(
    fast_twin: FastTwin, backup: str, draw: Draw
) -> None:
    before = backup_ids(fast_twin)
    assert backup in before
    restart_aws(fast_twin)
    try:
        for command in draw("commands with expired credentials", ("backup", "backups", "verify"), 1):
            refused = run(fast_twin, command, BULWARK_TWIN_SESSION_SECONDS="0")
            assert refused.code == 1, command
            assert "the credentials have expired" in refused.err, command
            assert "get new ones" in refused.err
    finally:
        restart_aws(fast_twin)
    assert backup_ids(fast_twin) == before


def restart_aws(fast_twin: FastTwin) -> None:
    """End the AWS service; the next command starts it, with the command's environment."""
    record = json.loads((fast_twin.installation.home.run / "aws.json").read_text())
    process = psutil.Process(record["pid"])
    process.terminate()
    process.wait(30)


@contextmanager
def changed_settings(fast_twin: FastTwin, *changes: tuple[str, str]) -> Generator[None]:
    for old, new in changes:
        fast_twin.installation.edit("Pulumi.local.yaml", old, new)
    try:
        yield
    finally:
        for old, new in reversed(changes):
            fast_twin.installation.edit("Pulumi.local.yaml", new, old)


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        (
            (("repository: example/platform", "repository: example/fork"),),
            "repo:example@123456/fork@456789:environment:backup",
        ),
        (
            (("repository_id: 456789", "repository_id: 456790"),),
            "repo:example@123456/platform@456790:environment:backup",
        ),
        (
            (
                ("    repository_id: 456789 #", "    immutable_subject: false #"),
                ("    repository_owner_id: 123456 #", "    # repository_owner_id: 123456 #"),
            ),
            "repo:example/platform:environment:backup",
        ),
    ],
    ids=["another name", "the same name again", "names alone"],
)
def test_a_role_trusts_no_other_repository(
    fast_twin: FastTwin, changes: tuple[tuple[str, str], ...], subject: str
) -> None:
    with changed_settings(fast_twin, *changes):
        refused = run(fast_twin, "backup")
    assert refused.code == 1
    assert f"role/{WRITER} can't be assumed by {subject}." in refused.err
    assert "./bulwark up" in refused.err
