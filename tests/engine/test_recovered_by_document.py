"""A job's role and its document alone: backups without the stack's state."""

import json
from pathlib import Path
from typing import Any

import pytest
from fast_twin import FastTwin
from recovery_command import RecoveryCommand
from role_clients import administrator, assume_role

pytestmark = pytest.mark.shares("fast_twin")

NAME = "example-twin/jobs/backup-writer"


def as_job(fast_twin: FastTwin, role: str) -> dict[str, Any]:
    """Return the environment of a job that has taken a role on."""
    home = fast_twin.installation.home
    identity = assume_role(home, role, platform="example-twin")
    session = {key.upper(): value for key, value in identity.credentials}
    return {**session, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{home.port('aws')}"}


def secrets_of(fast_twin: FastTwin) -> Any:
    return administrator(fast_twin.installation.home).client("secretsmanager")


def read_document(fast_twin: FastTwin) -> dict[str, Any]:
    return json.loads(secrets_of(fast_twin).get_secret_value(SecretId=NAME)["SecretString"])


def test_the_writer_backs_up_by_its_role_and_its_document_alone(fast_twin: FastTwin, tmp_path: Path) -> None:
    document = read_document(fast_twin)
    command = RecoveryCommand(tmp_path / "empty", fast_twin.installation.home, document["secrets"])
    command.folder.mkdir()
    option = ("--recovery", f"aws-secret:{NAME}")
    # No checkout, no stack, no Pulumi, and none of the document's secrets in the environment.
    session, command.variables = as_job(fast_twin, "backup-writer"), {}
    ended = command.run(
        "backup", "database", "--json", "--unattested", *option, recovery=False, variables=session
    )
    assert ended.code == 0, ended.text
    assert "monitor not reached" not in ended.err
    assert [secret for secret in document["secrets"].values() if secret in ended.text] == []
    other = command.run(
        "backup", "database", *option, recovery=False, variables=as_job(fast_twin, "backup-restorer")
    )
    assert other.code == 1
    assert f"These credentials may not read the secret {NAME}." in other.err
    missing = command.run(
        "backup", "--recovery", "aws-secret:example-twin/jobs/nobody", recovery=False, variables=session
    )
    assert missing.code == 1
    assert "may not read the secret" in missing.err or "There is no secret" in missing.err


def test_with_its_stack_a_documents_backup_counts_and_only_the_settings_are_read(fast_twin: FastTwin) -> None:
    installation = fast_twin.installation
    state = installation.home.state / ".pulumi" / "stacks" / "bulwark" / "local.json"
    hidden = state.with_name("hidden")
    state.rename(hidden)
    try:
        ended = installation.bulwark(
            "backup",
            "database",
            "--json",
            "--stack",
            "local",
            "--recovery",
            f"aws-secret:{NAME}",
            **as_job(fast_twin, "backup-writer"),
        )
        assert ended.code == 0, ended.text
        listed = {row["id"]: row for row in installation.bulwark("backups", "--json").json}
    finally:
        hidden.rename(state)
    assert listed[ended.json["database"]["id"]]["counts"] is True
