"""A job's role and its document alone: backups without the stack's state."""

import json
from pathlib import Path
from typing import Any

import pytest
from fast_twin import FastTwin
from recovery_command import RecoveryCommand
from role_clients import administrator, hidden_state, job_environment

pytestmark = pytest.mark.shares("fast_twin")

NAME = "example-twin/jobs/backup-writer"


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
    session, command.variables = job_environment(fast_twin.installation.home, "backup-writer"), {}
    ended = command.run(
        "backup", "database", "--json", "--unattested", *option, recovery=False, variables=session
    )
    assert ended.code == 0, ended.text
    assert "monitor not reached" not in ended.err
    assert [secret for secret in document["secrets"].values() if secret in ended.text] == []
    other = command.run(
        "backup",
        "database",
        *option,
        recovery=False,
        variables=job_environment(fast_twin.installation.home, "backup-restorer"),
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
    with hidden_state(installation.home):
        ended = installation.bulwark(
            "backup",
            "database",
            "--json",
            "--stack",
            "local",
            "--recovery",
            f"aws-secret:{NAME}",
            **job_environment(fast_twin.installation.home, "backup-writer"),
        )
        assert ended.code == 0, ended.text
        listed = {row["id"]: row for row in installation.bulwark("backups", "--json").json}
    assert listed[ended.json["database"]["id"]]["counts"] is True
