"""A job's role and its document alone: backups without the stack's state."""

import json
from pathlib import Path
from typing import Any

import pytest
from fast_twin import FastTwin
from installations import CommandResult
from recovery_command import RecoveryCommand
from role_clients import administrator, hidden_state, job_environment

from twin.neon.model import Neon

pytestmark = [pytest.mark.shares("fast_twin"), pytest.mark.scenario("a deployed stack")]

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


def test_a_changed_password_reaches_the_job_with_a_refresh_and_the_next_deployment(
    fast_twin: FastTwin,
) -> None:
    """Neon changes it behind the engine's back; docs/runbooks/backup.md says what to type then."""
    installation, secrets = fast_twin.installation, secrets_of(fast_twin)
    variable, before = "BULWARK_DATABASE_PASSWORD", read_document(fast_twin)["secrets"]
    versions = len(secrets.list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)["Versions"])
    changed = Neon(installation.home).reset_password(fast_twin.resource("database-role-backup")["id"])

    def back_up() -> CommandResult:
        return installation.bulwark(
            "backup",
            *("database", "--stack", "local", "--recovery", f"aws-secret:{NAME}"),
            **job_environment(installation.home, "backup-writer"),
        )

    refused = back_up()
    assert refused.code == 1
    assert "password authentication failed" in refused.err
    for command in (("refresh", "--accept"), ("up",)):
        ended = fast_twin.bulwark(*command)
        assert ended.code == 0, ended.text
    after = read_document(fast_twin)["secrets"]
    assert changed != before[variable]
    assert after == {**before, variable: changed}
    listed = secrets.list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)["Versions"]
    assert len(listed) == versions + 1
    backed_up = back_up()
    assert backed_up.code == 0, backed_up.text
    assert changed not in backed_up.text
