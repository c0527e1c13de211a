"""Each command of backups acts as the role that is for it, and says so when the role is not enough."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import role_clients
from fast_twin import Living
from installations import Finished

WRITER, RESTORER = "example-twin-backup-writer", "example-twin-backup-restorer"
POLICIES = {WRITER: "backup-writer", RESTORER: "backup-restorer"}


def run(living: Living, *arguments: str, **variables: str) -> Finished:
    return living.installation.bulwark(*arguments, timeout_seconds=180, **variables)


def iam(living: Living) -> Any:
    return role_clients.administrator(living.installation.home).client("iam")


@contextmanager
def policy(living: Living, role: str, document: dict[str, Any]) -> Generator[None]:
    """Give a role another policy, behind the engine's back."""
    named = {"RoleName": role, "PolicyName": POLICIES[role]}
    before = iam(living).get_role_policy(**named)["PolicyDocument"]
    iam(living).put_role_policy(**named, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam(living).put_role_policy(**named, PolicyDocument=json.dumps(before))


def of(living: Living, role: str) -> dict[str, Any]:
    return iam(living).get_role_policy(RoleName=role, PolicyName=POLICIES[role])["PolicyDocument"]


def ids(living: Living) -> list[str]:
    return [one["id"] for one in run(living, "backups", "--json").json]


@pytest.fixture(scope="module")
def backup(living: Living) -> str:
    taken = run(living, "backup", "database", "--json")
    assert taken.code == 0, taken.text
    return taken.json["database"]["id"]


def test_a_backup_is_written_as_the_writer_and_by_nobody_who_only_reads(living: Living, backup: str) -> None:
    before = ids(living)
    assert backup in before
    with policy(living, WRITER, of(living, RESTORER)):
        refused = run(living, "backup", "database")
        assert refused.code == 1
        assert "the credentials may not do this" in refused.err
        assert f"assumed-role/{WRITER}/bulwark is not authorized to perform: s3:PutObject" in refused.err
        assert "backups are written as writer_role" in refused.err
        assert ids(living) == before


def test_backups_are_read_as_the_restorer(living: Living, backup: str, tmp_path: Path) -> None:
    nothing = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    with policy(living, RESTORER, nothing):
        for command in (
            ("backups",),
            ("verify", "--backup", backup),
            ("restore", "--to", "postgresql://somebody@127.0.0.1:1/empty"),
        ):
            refused = run(living, *command)
            assert refused.code == 1, command
            assert f"assumed-role/{RESTORER}/bulwark is not authorized" in refused.err, command
            assert "read and restored as restorer_role" in refused.err
        assert list(tmp_path.iterdir()) == []
    assert backup in ids(living)


def test_what_only_a_reader_verified_is_recorded_by_the_writer_later(
    living: Living, backup: str, tmp_path: Path
) -> None:
    def verified() -> str | None:
        return next(one["verified"] for one in run(living, "backups", "--json").json if one["id"] == backup)

    with policy(living, WRITER, of(living, RESTORER)):
        looked = run(living, "verify", "--backup", backup, "--json")
        assert looked.code == 0, looked.text
        assert looked.json["recorded"] is False
        assert "Not recorded" in looked.err
        assert verified() is None
    printed = tmp_path / "looked.json"
    printed.write_text(looked.out)
    for _ in range(2):
        added = run(living, "verify", "--add", str(printed))
        assert (added.code, added.out) == (0, f"Recorded: {backup}.\n"), added.text
    assert verified() is not None
    printed.write_text("{}")
    assert "is not what a verification printed" in run(living, "verify", "--add", str(printed)).err
    assert "can't be read" in run(living, "verify", "--add", str(tmp_path / "missing")).err


def test_expired_credentials_are_said_to_be_and_nothing_was_written(living: Living, backup: str) -> None:
    before = ids(living)
    assert backup in before
    restart_aws(living)
    try:
        for command in ("backup", "backups", "verify"):
            refused = run(living, command, BULWARK_TWIN_SESSION_SECONDS="0")
            assert refused.code == 1, command
            assert "the credentials have expired" in refused.err, command
            assert "get new ones" in refused.err
    finally:
        restart_aws(living)
    assert ids(living) == before


def restart_aws(living: Living) -> None:
    """End the service; the next command starts it, with its own environment."""
    record = json.loads((living.installation.home.run / "aws.json").read_text())
    process = psutil.Process(record["pid"])
    process.terminate()
    process.wait(30)


def test_a_role_trusts_no_other_repository(living: Living) -> None:
    living.installation.edit("Pulumi.local.yaml", "repository: example/platform", "repository: example/fork")
    try:
        refused = run(living, "backup")
    finally:
        living.installation.edit(
            "Pulumi.local.yaml", "repository: example/fork", "repository: example/platform"
        )
    assert refused.code == 1
    assert f"role/{WRITER} can't be assumed from example/fork, environment backup" in refused.err
    assert "./bulwark up" in refused.err
