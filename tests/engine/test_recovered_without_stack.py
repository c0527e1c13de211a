"""The recovery file that a deployed stack prints, and what it recovers without the stack."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from fast_twin import FastTwin
from recovery_command import RecoveryCommand
from role_clients import assume_role

from engine.stack_target import ELSEWHERE_KEY
from twin.elsewhere import KEY_SECRETS
from twin.host.home import TwinHome

pytestmark = [pytest.mark.shares("fast_twin"), pytest.mark.scenario("a deployed stack")]


def role_variables(home: TwinHome, name: str) -> dict[str, str]:
    return {key.upper(): value for key, value in assume_role(home, name, platform="example-twin").credentials}


def describe_profile(name: str, home: TwinHome) -> str:
    """Return the content of an AWS configuration with a profile that is the replica's restorer."""
    session = assume_role(home, "replica-restorer", platform="example-twin").credentials
    return "\n".join((f"[profile {name}]", *(f"{key} = {value}" for key, value in session)))


def find_secrets(outputs: dict[str, Any], home: TwinHome) -> dict[str, str]:
    """Return the secrets that a recovery file of the stack refers to, by variable."""
    files = outputs["file_sources"]["files"]
    return {
        "BULWARK_DATABASE_PASSWORD": urlsplit(outputs["database_urls"]["database"]["backup"]).password or "",
        "BULWARK_FILES_ACCESS_KEY_ID": files["access_key_id"],
        "BULWARK_FILES_SECRET_ACCESS_KEY": files["secret_access_key"],
        **dict(zip(ELSEWHERE_KEY, map(home.secret, KEY_SECRETS), strict=True)),
        **{f"BULWARK_{job.upper()}_HEARTBEAT_URL": url for job, url in outputs["heartbeat_urls"].items()},
        **{f"BULWARK_{job.upper()}_CHECKIN_URL": url for job, url in outputs["checkin_urls"].items()},
    }


def test_a_stacks_recovery_file_has_no_secret_and_recovers_its_vault_without_it(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    home = fast_twin.installation.home
    printed = fast_twin.bulwark("outputs", "--recovery")
    assert printed.code == 0, printed.text
    secrets = find_secrets(fast_twin.bulwark("outputs", "--json", "--show-secrets").json, home)
    assert all(secrets.values())
    assert not [name for name, secret in secrets.items() if secret in printed.text]
    assert len(yaml.safe_load(printed.out)["trust"]["issuer"]["keys"]) == 1
    assert [name for name in secrets if f"#   {name}\n" not in printed.out] == []

    command = RecoveryCommand(tmp_path / "empty", home, secrets)
    command.folder.mkdir()
    (command.folder / "recovery.yaml").write_text(printed.out)
    writer, restorer = (role_variables(home, f"backup-{role}") for role in ("writer", "restorer"))
    own = fast_twin.bulwark("backup", "--json")
    assert own.code == 0, own.text
    # Nothing attests here as a job of GitHub Actions, so this backup counts neither for the stack.
    other = command.run("backup", "--json", "--unattested", variables=writer)
    assert other.code == 0, other.text
    assert "monitor not reached" not in other.err
    assert set(other.json) == {"database", "files", "warnings"}

    # The replica's account is signed in to by the profile that the recovery file names.
    (tmp_path / "aws").write_text(describe_profile("example-twin-replica", home))
    command.variables = {"AWS_CONFIG_FILE": str(tmp_path / "aws")}
    listed = {row["id"]: row for row in command.run("backups", "--json", variables=restorer).json}
    [row, planted] = [listed[ended.json["database"]["id"]] for ended in (own, other)]
    assert (row["counts"], row["replica"], planted["counts"]) == (True, "there", False)
    by_stack = {one["id"]: one for one in fast_twin.bulwark("backups", "--json").json}
    assert {**by_stack[row["id"]], "warnings": row["warnings"]} == row
    deep = command.run("verify", "--deep", "--store", "database", "--json", variables=restorer)
    assert deep.code == 0, deep.text
    assert [(look["backup"], look["problems"]) for look in deep.json["looks"]] == [(row["id"], [])]
    assert deep.json["recorded"] is False
    # Nothing of the primary account is needed.
    restored = command.run("restore", "--store", "files", "--to", "files", "--vault", "replica")
    assert restored.code == 0, restored.text
