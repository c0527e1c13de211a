"""`./bulwark backup`, `backups`, `verify` and `restore` on a deployed stack, as a scheduler runs them."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from fast_twin import Living
from installations import Finished

from toolchain.engine import ensure_cli
from twin.sample_app import hiring
from twin.sample_app.draw import Draw, Size


def run(living: Living, *arguments: str) -> Finished:
    return living.installation.bulwark(*arguments)


def test_a_backup_is_in_reported_listed_and_proven(living: Living) -> None:
    taken = run(living, "backup", "--json")
    assert taken.code == 0, taken.text
    assert "monitor not reached" not in taken.err
    backup = taken.json["database"]["id"]
    assert taken.json["database"]["dump"]["key"].startswith(f"database/monthly/{backup}/")
    assert taken.json["database"]["dump"]["lock_mode"] == "GOVERNANCE"
    [row] = [one for one in run(living, "backups", "--json").json if one["id"] == backup]
    assert (row["verified"], row["problems"]) == (None, [])
    assert (row["in_primary"], row["replica"]) == (True, "there")
    deep = run(living, "verify", "--deep", "--backup", backup)
    assert deep.code == 0, deep.text
    assert f"{backup}: restored and compared, good" in deep.out
    [row] = [one for one in run(living, "backups", "--json").json if one["id"] == backup]
    assert row["how"] == "restored"
    assert run(living, "verify").code == 0
    assert run(living, "verify", "--vault", "replica", "--backup", backup).code == 0
    passwords = {
        urlsplit(url).password or ""
        for name, url in run(living, "outputs", "--json", "--show-secrets").json.items()
        if name.endswith("_database_url")
    }
    assert not any(password in taken.text + deep.text for password in passwords)


def test_the_state_comes_back_when_the_engine_has_lost_it(living: Living, tmp_path: Path) -> None:
    taken = run(living, "backup", "state", "--json")
    assert taken.code == 0, taken.text
    backup = taken.json["state"]["id"]
    wanted = run(living, "outputs", "--json", "--show-secrets").json
    home = living.installation.home
    lost, folder = home.root / "lost", tmp_path / "state"
    home.state.rename(lost)
    try:
        restored = run(living, "restore", "--store", "state", "--backup", backup, "--to", str(folder))
    finally:
        lost.rename(home.state)
    assert restored.code == 0, restored.text
    assert f"Restored {backup}" in restored.out
    text = b"".join(path.read_bytes() for path in folder.iterdir())
    secrets = [url for name, url in wanted.items() if name.endswith("_database_url")]
    secrets += [*wanted["heartbeat_urls"].values(), *wanted["checkin_urls"].values()]
    assert len(secrets) >= 9
    assert not any(secret.encode() in text for secret in secrets)

    def pulumi(*arguments: str) -> str:
        backend = tmp_path / "backend"
        backend.mkdir(exist_ok=True)
        environment = living.installation.environment | {
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


def test_an_address_with_a_password_is_refused_and_not_repeated(living: Living) -> None:
    refused = run(living, "restore", "--to", "postgresql://someone:planted-password@127.0.0.1/x")
    assert refused.code == 1
    assert "BULWARK_RESTORE_PASSWORD" in refused.err
    assert "planted-password" not in refused.text


def test_what_does_not_exist_is_said_and_what_to_do(living: Living) -> None:
    unknown = run(living, "verify", "--backup", "20300101T000000Z-0000")
    assert unknown.code == 1
    assert "There is no backup 20300101T000000Z-0000." in unknown.err
    assert "./bulwark backups" in unknown.err


def test_files_are_backed_up_by_the_writer_and_come_back_as_the_rows_say(
    living: Living, tmp_path: Path
) -> None:
    taken = run(living, "backup", "files", "--json")
    assert taken.code == 0, taken.text
    assert taken.json["files"]["buckets"][0]["files"] == 400
    again = run(living, "backup", "files", "--json")
    assert again.code == 0, again.text
    assert again.json["files"]["copied"] == 0
    assert run(living, "verify", "--store", "files", "--deep").code == 0
    back = run(living, "restore", "--store", "files", "--to", str(tmp_path / "to"), "--prefix", "cvs/")
    assert back.code == 0, back.text
    keys = [row[1] for row in hiring.files(Size(1), Draw("files")) if row[1].startswith("cvs/")]
    for key in keys:
        assert (tmp_path / "to" / "documents" / key).read_bytes() == hiring.file_body(key)
    refused = run(living, "restore", "--store", "files", "--to", str(tmp_path / "to"))
    assert (refused.code, "is not empty" in refused.err) == (1, True)
