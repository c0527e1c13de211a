"""Secrets in clear are where they must be, and nowhere else."""

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
from fast_twin import FastTwin

from twin.vendor.store import VendorStore

pytestmark = pytest.mark.shares("fast_twin")

HOLD_SECRETS = {
    "secrets.json": "the twin's own tokens: what a person keeps in a vault for the real vendors",
    "passphrase": "encrypts the stack's state; the engine takes it from a file",
    "hosts": "what the hosts hand to the programs that they run, as environment variables",
    "vendors.sqlite3": "the vendors: whoever checks a credential knows it",
    "vendors.sqlite3-wal": "the same",
    "vendors.sqlite3-shm": "the same",
    "aws/snapshot": "AWS, where the document of the writer's role is",
    "aws/snapshot-wal": "the same",
    "aws/snapshot-shm": "the same",
}
SHORTEST = 16


@pytest.fixture(scope="session")
def secrets(fast_twin: FastTwin) -> dict[str, str]:
    """Return every secret of the deployed stack by what it is; all were drawn at random for this twin."""
    home = fast_twin.installation.home
    outputs = fast_twin.bulwark("outputs", "--json", "--show-secrets").json
    with closing(VendorStore(home.vendors)) as store:
        roles, keys = store.list("neon", "role"), store.list("sentry", "key")
    inbox = f"http://127.0.0.1:{home.port('vendors')}/inbox"
    found = {
        **json.loads((home.root / "secrets.json").read_text()),
        **{f"password of {role['name']}": role["password"] for role in roles.values()},
        **{f"secret of {key['name']}": key["secret"] for key in keys.values()},
        **{f"heartbeat of {job}": url for job, url in outputs["heartbeat_urls"].items()},
        **{f"check-in of {job}": url for job, url in outputs["checkin_urls"].items()},
        **{f"DSN of {service}": dsn for service, dsn in outputs["error_dsns"].items()},
        **{f"address for the {use}": url for use, url in outputs["database_urls"]["database"].items()},
        "incidents_target": f"{inbox}/incidents",
        "automation_target": f"{inbox}/automation",
    }
    assert len(found) >= 20
    assert min(map(len, found.values())) >= SHORTEST
    return found


def find_secrets(secrets: dict[str, str], text: str | bytes) -> list[str]:
    """Return the names of the secrets in a text."""
    content = text.encode() if isinstance(text, str) else text
    return [name for name, secret in secrets.items() if secret.encode() in content]


def test_no_file_has_a_secret_but_those_that_need_it(fast_twin: FastTwin, secrets: dict[str, str]) -> None:
    root = fast_twin.installation.home.root
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("history" in path.parts for path in files), "the engine's history is looked into as well"
    assert any(path.parent == fast_twin.installation.home.logs for path in files)
    holding: dict[str, list[str]] = {}
    for path in files:
        try:
            found = find_secrets(secrets, path.read_bytes())
        except FileNotFoundError:
            continue  # PostgreSQL's and SQLite's files come and go
        if found:
            name = path.relative_to(root)
            # A program's file is called after its port.
            holding["hosts" if name.parts[0] == "hosts" else str(name)] = found
    assert {name: found for name, found in holding.items() if name not in HOLD_SECRETS} == {}
    assert {"secrets.json", "passphrase", "hosts", "vendors.sqlite3"} & holding.keys()


def test_the_files_that_hold_secrets_are_for_their_owner_alone(fast_twin: FastTwin) -> None:
    home = fast_twin.installation.home
    private: list[Path] = [home.root / name for name in HOLD_SECRETS]
    private += [*home.tls.glob("*.key"), *(home.root / "hosts").iterdir()]
    private += [home.state, home.logs, home.pulumi, home.tls, home.aws, home.root / "workspace"]
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in private if path.exists()}
    assert len(modes) > len(HOLD_SECRETS)
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_the_checkout_has_no_secret(fast_twin: FastTwin, secrets: dict[str, str]) -> None:
    files = [
        path
        for path in fast_twin.installation.folder.rglob("*")
        if path.is_file() and ".venv" not in path.parts
    ]
    assert [str(path) for path in files if find_secrets(secrets, path.read_bytes())] == []


def test_no_process_was_given_a_secret_as_an_argument(fast_twin: FastTwin, secrets: dict[str, str]) -> None:
    assert any("pulumi" in line and " up " in line for line in fast_twin.command_lines)
    assert any("twin.bridge_plugin" in line for line in fast_twin.command_lines)
    assert find_secrets(secrets, "\n".join(fast_twin.command_lines)) == []


@pytest.mark.matrix(sample=4)
@pytest.mark.parametrize(
    "command",
    [
        "up",
        "preview",
        "refresh",
        "review --base none",
        "review --base none --json",
        "audit",
        "audit --json",
        "audit --live",
        "outputs",
        "outputs --json",
        "status",
        "status --json",
        "logs --last 100000",
    ],
)
def test_no_command_shows_a_secret(fast_twin: FastTwin, secrets: dict[str, str], command: str) -> None:
    ended = fast_twin.first_up if command == "up" else fast_twin.bulwark(*command.split())
    # What other tests have done to this twin may be wrong, such as a subscription that is pending for days,
    # and these say so.
    assert ended.code == 0 or command.startswith(("status", "audit --live")), ended.text[-2_000:]
    assert ended.text
    assert find_secrets(secrets, ended.text) == []
