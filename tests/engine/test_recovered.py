"""`./bulwark backup`, `backups`, `verify` and `restore` on a deployed stack, as a scheduler runs them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import role_clients
from botocore.exceptions import ClientError
from fast_twin import FastTwin
from installations import CommandResult
from readme_output import find_differences, read_block
from received_alarms import no_alarms

from core.failure import Failure
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient
from toolchain.engine import ensure_cli
from twin.aws.lost_regions import lost_region
from twin.elsewhere import KEY_SECRETS, PORT, ensure_identity, read_recipient
from twin.sample_app import hiring
from twin.sample_app.draw import Draw, Size

pytestmark = [pytest.mark.shares("fast_twin"), pytest.mark.scenario("a deployed stack")]


@pytest.fixture
def quiet(fast_twin: FastTwin) -> Iterator[None]:
    """Fail a test whose backups, copies, restores or drills raise an alarm: nobody reads those for long."""
    with no_alarms(fast_twin.installation.home):
        yield


def run(fast_twin: FastTwin, *arguments: str) -> CommandResult:
    return fast_twin.installation.bulwark(*arguments)


@pytest.mark.usefixtures("quiet")
def test_a_backup_is_stored_reported_listed_and_verified(fast_twin: FastTwin) -> None:
    backup_run = run(fast_twin, "backup", "--json")
    assert backup_run.code == 0, backup_run.text
    assert "monitor not reached" not in backup_run.err
    backup = backup_run.json["database"]["id"]
    tier = backup_run.json["database"]["tier"]
    assert backup_run.json["database"]["dump"]["key"].startswith(f"database/{tier}/database/{backup}/")
    assert backup_run.json["database"]["dump"]["lock_mode"] == "GOVERNANCE"
    [row] = [one for one in run(fast_twin, "backups", "--json").json if one["id"] == backup]
    assert (row["verified"], row["problems"]) == (None, [])
    assert (row["in_primary"], row["replica"]) == (True, "there")
    deep = run(fast_twin, "verify", "--deep", "--backup", backup)
    assert deep.code == 0, deep.text
    assert f"{backup}: restored and compared, good" in deep.out
    [row] = [one for one in run(fast_twin, "backups", "--json").json if one["id"] == backup]
    assert row["how"] == "restored"
    assert run(fast_twin, "verify").code == 0
    assert run(fast_twin, "verify", "--vault", "replica", "--backup", backup).code == 0
    passwords = {
        urlsplit(url).password or ""
        for url in run(fast_twin, "outputs", "--json", "--show-secrets")
        .json["database_urls"]["database"]
        .values()
    }
    assert len(passwords) == 3
    assert not any(password in backup_run.text + deep.text for password in passwords)


def test_backups_are_made_and_restored_while_us_east_1_does_not_answer(fast_twin: FastTwin) -> None:
    home = fast_twin.installation.home
    with lost_region(home, "us-east-1"):
        with pytest.raises(ClientError, match="ServiceUnavailable"):
            role_clients.administrator(home).client("iam", "us-east-1").list_roles()
        made = run(fast_twin, "backup", "database")
        assert made.code == 0, made.text
        backup = made.out.split()[1]
        proven = run(fast_twin, "verify", "--deep", "--vault", "replica", "--backup", backup)
    assert proven.code == 0, proven.text
    assert f"{backup}: restored and compared, good" in proven.out
    assert find_differences(read_block("$ ./bulwark backup"), made.out + proven.out) == []


def test_the_state_is_restored_when_the_engine_has_lost_it(fast_twin: FastTwin, tmp_path: Path) -> None:
    backup_run = run(fast_twin, "backup", "state", "--json")
    assert backup_run.code == 0, backup_run.text
    backup = backup_run.json["state"]["id"]
    wanted = run(fast_twin, "outputs", "--json", "--show-secrets").json
    home = fast_twin.installation.home
    lost, folder = home.root / "lost", tmp_path / "state"
    home.state.rename(lost)
    try:
        restored = run(fast_twin, "restore", "--store", "state", "--backup", backup, "--to", str(folder))
    finally:
        lost.rename(home.state)
    assert restored.code == 0, restored.text
    assert f"Restored {backup}" in restored.out
    text = b"".join(path.read_bytes() for path in folder.iterdir())
    secrets = [*wanted["database_urls"]["database"].values()]
    secrets += [*wanted["heartbeat_urls"].values(), *wanted["checkin_urls"].values()]
    assert len(secrets) >= 9
    assert not any(secret.encode() in text for secret in secrets)

    def pulumi(*arguments: str) -> str:
        backend = tmp_path / "backend"
        backend.mkdir(exist_ok=True)
        environment = fast_twin.installation.environment | {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(home.root / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        command = [ensure_cli(), *arguments, "--non-interactive"]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        ).stdout

    pulumi("stack", "init", "local")
    pulumi("stack", "import", "--file", "state.json")
    assert json.loads(pulumi("stack", "output", "--json", "--show-secrets")) == wanted


def test_an_address_with_a_password_is_refused_and_not_repeated(fast_twin: FastTwin) -> None:
    refused = run(fast_twin, "restore", "--to", "postgresql://someone:planted-password@127.0.0.1/x")
    assert refused.code == 1
    assert "BULWARK_RESTORE_PASSWORD" in refused.err
    assert "planted-password" not in refused.text


def test_a_backup_that_does_not_exist_is_refused_with_the_next_step(fast_twin: FastTwin) -> None:
    unknown = run(fast_twin, "verify", "--backup", "20300101T000000Z-0000")
    assert unknown.code == 1
    assert "There is no backup 20300101T000000Z-0000." in unknown.err
    assert "./bulwark backups" in unknown.err


@pytest.mark.usefixtures("quiet")
def test_files_are_backed_up_by_the_writer_and_restored_as_their_rows_say(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    backup_run = run(fast_twin, "backup", "files", "--json")
    assert backup_run.code == 0, backup_run.text
    assert backup_run.json["files"]["buckets"][0]["files"] == 400
    again = run(fast_twin, "backup", "files", "--json")
    assert again.code == 0, again.text
    assert again.json["files"]["copied"] == 0
    assert run(fast_twin, "verify", "--store", "files", "--deep").code == 0
    back = run(fast_twin, "restore", "--store", "files", "--to", str(tmp_path / "to"), "--prefix", "cvs/")
    assert back.code == 0, back.text
    keys = [row[1] for row in hiring.files(Size(1), Draw("files")) if row[1].startswith("cvs/")]
    for key in keys:
        assert (tmp_path / "to" / "documents" / key).read_bytes() == hiring.file_body(key)
    refused = run(fast_twin, "restore", "--store", "files", "--to", str(tmp_path / "to"))
    assert (refused.code, "is not empty" in refused.err) == (1, True)


@pytest.mark.usefixtures("quiet")
def test_everything_comes_back_from_the_copy_elsewhere_and_is_drilled(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    home = fast_twin.installation.home
    backup_run = run(fast_twin, "backup", "database", "files", "--json")
    assert backup_run.code == 0, backup_run.text
    backup = backup_run.json["database"]["id"]
    copied = run(fast_twin, "copy", "--json")
    assert copied.code == 0, copied.text
    assert "monitor not reached" not in copied.err
    [copy] = [one for one in copied.json if one["backup"] == backup]
    files = backup_run.json["files"]["id"]
    assert [one["file_count"] for one in copied.json if one["backup"] == files] == [400]
    again = run(fast_twin, "copy", "--json")
    assert (again.code, again.json) == (0, []), again.text
    assert {one["encrypted"]["lock_mode"] for one in (copy["manifest"], *copy["objects"])} == {"COMPLIANCE"}
    identity = ensure_identity(home)
    assert copy["recipients"] == [read_recipient(home)]
    assert run(fast_twin, "verify", "--vault", "elsewhere", "--backup", backup).code == 0
    drilled = run(fast_twin, "drill", "elsewhere", "--identity", str(identity), "--json")
    assert drilled.code == 0, drilled.text
    scenario, of_files = drilled.json["scenarios"]
    assert (scenario["kind"], scenario["verdict"]) == ("elsewhere", "passed")
    assert (of_files["kind"], of_files["verdict"]) == ("files", "passed")
    assert (of_files["recovery_point"]["path"], of_files["recovery_point"]["id"]) == ("elsewhere", files)
    point = scenario["recovery_point"]
    assert (point["path"], point["id"], point["held"]["lock_mode"]) == ("elsewhere", backup, "COMPLIANCE")
    back = run(
        fast_twin,
        *("restore", "--store", "files", "--vault", "elsewhere", "--identity", str(identity)),
        *("--to", str(tmp_path / "to"), "--prefix", "cvs/"),
    )
    assert back.code == 0, back.text
    keys = [row[1] for row in hiring.files(Size(1), Draw("files")) if row[1].startswith("cvs/")]
    for key in keys:
        assert (tmp_path / "to" / "documents" / key).read_bytes() == hiring.file_body(key)
    assert "AGE-SECRET-KEY" not in copied.text + drilled.text
    # The other server takes nothing but its own key's signature.
    url = f"http://127.0.0.1:{home.port(PORT)}"
    keys = [home.secret(name) for name in KEY_SECRETS]
    for key in (("twin", "twin"), (keys[0], "planted-secret-key")):
        vault = VaultClient(create_client("us-east-1", url, access_key=AccessKey(*key)), "example-copies")
        with pytest.raises(Failure, match="the credentials are not accepted"):
            list(vault.list_entries(""))
