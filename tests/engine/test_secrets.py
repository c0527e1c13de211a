"""Secrets in clear are where they must be, and nowhere else."""

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
from fast_twin import Living

from twin.vendor.store import VendorStore

HOLD_SECRETS = {
    "secrets.json": "the twin's own tokens: what a person keeps in a vault for the real vendors",
    "passphrase": "encrypts the stack's state; the engine takes it from a file",
    "platform.json": "the deployed platform's configuration: the address of its database",
    "vendors.sqlite3": "the vendors: whoever checks a credential knows it",
    "vendors.sqlite3-wal": "the same",
    "vendors.sqlite3-shm": "the same",
}
SHORTEST = 16


@pytest.fixture(scope="session")
def secrets(living: Living) -> dict[str, str]:
    """Return every secret of the deployed stack by what it is; all were drawn at random for this twin."""
    home = living.installation.home
    outputs = living.bulwark("outputs", "--json", "--show-secrets").json
    with closing(VendorStore(home.vendors)) as store:
        roles, keys = store.list("neon", "role"), store.list("sentry", "key")
    sink = f"http://127.0.0.1:{home.port('vendors')}/sink"
    found = {
        **json.loads((home.root / "secrets.json").read_text()),
        **{f"password of {role['name']}": role["password"] for role in roles.values()},
        **{f"secret of {key['name']}": key["secret"] for key in keys.values()},
        **{f"heartbeat of {job}": url for job, url in outputs["heartbeat_urls"].items()},
        **{f"check-in of {job}": url for job, url in outputs["checkin_urls"].items()},
        **{f"DSN of {service}": dsn for service, dsn in outputs["error_dsns"].items()},
        **{name: outputs[name] for name in outputs if name.endswith("_database_url")},
        "incidents_target": f"{sink}/incidents",
        "automation_target": f"{sink}/automation",
    }
    assert len(found) >= 20
    assert min(map(len, found.values())) >= SHORTEST
    return found


def shown(secrets: dict[str, str], text: str | bytes) -> list[str]:
    """Name the secrets that are in the text."""
    content = text.encode() if isinstance(text, str) else text
    return [name for name, secret in secrets.items() if secret.encode() in content]


def test_no_file_has_a_secret_but_those_that_must(living: Living, secrets: dict[str, str]) -> None:
    root = living.installation.home.root
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("history" in path.parts for path in files), "the engine's history is looked into as well"
    assert any(path.parent == living.installation.home.logs for path in files)
    holding: dict[str, list[str]] = {}
    for path in files:
        try:
            found = shown(secrets, path.read_bytes())
        except FileNotFoundError:
            continue  # PostgreSQL's and SQLite's files come and go
        if found:
            holding[str(path.relative_to(root))] = found
    assert {name: found for name, found in holding.items() if name not in HOLD_SECRETS} == {}
    assert {"secrets.json", "passphrase", "platform.json", "vendors.sqlite3"} & holding.keys()


def test_the_files_that_hold_secrets_are_for_their_owner_alone(living: Living) -> None:
    home = living.installation.home
    private: list[Path] = [home.root / name for name in HOLD_SECRETS]
    private += list(home.tls.glob("*.key"))
    private += [home.state, home.logs, home.pulumi, home.tls, home.aws, home.root / "workspace"]
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in private if path.exists()}
    assert len(modes) > len(HOLD_SECRETS)
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_the_checkout_has_no_secret(living: Living, secrets: dict[str, str]) -> None:
    files = [
        path for path in living.installation.folder.rglob("*") if path.is_file() and ".venv" not in path.parts
    ]
    assert [str(path) for path in files if shown(secrets, path.read_bytes())] == []


def test_no_process_was_given_a_secret_as_an_argument(living: Living, secrets: dict[str, str]) -> None:
    assert any("pulumi" in line and " up " in line for line in living.arguments)
    assert any("twin.bridge_plugin" in line for line in living.arguments)
    assert shown(secrets, "\n".join(living.arguments)) == []


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "preview",
        "refresh",
        "review",
        "review --json",
        "audit",
        "audit --json",
        "outputs",
        "outputs --json",
        "status",
        "status --json",
        "logs --last 100000",
    ],
)
def test_no_command_shows_a_secret(living: Living, secrets: dict[str, str], command: str) -> None:
    ended = living.first if command == "up" else living.bulwark(*command.split())
    assert ended.code == 0, ended.text[-2_000:]
    assert ended.text
    assert shown(secrets, ended.text) == []
