"""A thief with the writer's session plants documents in ten ways: each is shown, and none changes a thing."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import role_clients
from drill_evidence import drill, identity, scenario
from fast_twin import FastTwin
from installations import CommandResult

from core import vault_layout
from engine.targets import find_twin_target
from recovery.drill import records
from recovery.manifest import Manifest
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient
from twin.aws.issuer import issue_token

pytestmark = [pytest.mark.shares("fast_twin-2"), pytest.mark.scenario("a deployed stack")]


def run(fast_twin: FastTwin, *arguments: str) -> CommandResult:
    return fast_twin.installation.bulwark(*arguments)


def steal_writer_session(fast_twin: FastTwin) -> VaultClient:
    """Return the primary vault with a session of the writer's role, and nothing else of the job."""
    credentials = dict(
        role_clients.assume_role(
            fast_twin.installation.home, "backup-writer", platform="example-twin"
        ).credentials
    )
    key = AccessKey(
        credentials["aws_access_key_id"],
        credentials["aws_secret_access_key"],
        credentials["aws_session_token"],
    )
    endpoint = f"http://127.0.0.1:{fast_twin.installation.home.port('aws')}"
    return VaultClient(
        create_client("eu-west-1", endpoint, access_key=key), fast_twin.output("vault"), access_key=key
    )


def replant(manifest: Manifest, *, at: datetime, tier: Any = "daily") -> Manifest:
    """Return a manifest of the same objects, as a backup of another moment and tier."""
    return manifest.model_copy(
        update={
            "id": vault_layout.new_id(at),
            "tier": tier,
            "started": at,
            "snapshot_at": at,
            "finished": at,
        }
    )


Plant = Callable[[VaultClient, Manifest], str]
"""Plants a document and returns what a list of it must show."""


def plant_manifest(vault: VaultClient, genuine: Manifest) -> str:
    planted = replant(genuine, at=datetime.now(UTC))
    vault.put(planted.key, planted.model_dump_json().encode())
    return planted.id


def plant_manifest_of_next_year(vault: VaultClient, genuine: Manifest) -> str:
    planted = replant(genuine, at=datetime.now(UTC) + timedelta(days=365))
    vault.put(planted.key, planted.model_dump_json().encode())
    return planted.id


def plant_manifest_with_the_attestation_of_another(vault: VaultClient, genuine: Manifest) -> str:
    planted = replant(genuine, at=datetime.now(UTC))
    token = b"".join(vault.read(vault_layout.attestation(genuine.key), ""))
    vault.put(vault_layout.attestation(planted.key), token)
    vault.put(planted.key, planted.model_dump_json().encode())
    return planted.id


def plant_copy_of_a_manifest(vault: VaultClient, genuine: Manifest) -> str:
    """Plant the very bytes of a genuine manifest and its attestation under another id."""
    other = vault_layout.database_backup("daily", "database", vault_layout.new_id(datetime.now(UTC)))
    key = f"{other}{vault_layout.MANIFEST}"
    for source, target in (
        (vault_layout.attestation(genuine.key), vault_layout.attestation(key)),
        (genuine.key, key),
    ):
        vault.put(target, b"".join(vault.read(source, "")))
    return other.split("/")[-2]


def plant_tiers(vault: VaultClient, genuine: Manifest) -> str:
    planted = [
        replant(genuine, at=datetime.now(UTC) + timedelta(days=days), tier=tier)
        for tier, days in (("monthly", 31), ("weekly", 7), ("monthly", 0), ("weekly", 0))
    ]
    for one in planted:
        vault.put(one.key, one.model_dump_json().encode())
    return planted[0].id


def plant_verification(vault: VaultClient, genuine: Manifest) -> str:
    body = json.dumps(
        {
            "schema_version": "bulwark-verification-1",
            "backup": genuine.id,
            "manifest_sha256": hashlib.sha256(b"".join(vault.read(genuine.key, ""))).hexdigest(),
            "at": datetime.now(UTC).isoformat(),
            "deep": True,
            "problems": ["\x1b[2Jplanted"],
        }
    ).encode()
    key = vault_layout.verification(genuine.id, datetime.now(UTC), body)
    vault.put(key, body)
    return key


def plant_verification_of_year_9999(vault: VaultClient, genuine: Manifest) -> str:
    body = json.dumps(
        {"backup": genuine.id, "at": "9999-12-31T00:00:00Z", "deep": True, "problems": []}
    ).encode()
    key = f"{vault_layout.VERIFICATIONS}{genuine.id}/99991231T000000Z.json"
    vault.put(key, body)
    return key


def plant_disownment(vault: VaultClient, genuine: Manifest) -> str:
    body = json.dumps(
        {
            "schema_version": "bulwark-disownment-1",
            "backup": genuine.id,
            "manifest_sha256": hashlib.sha256(b"".join(vault.read(genuine.key, ""))).hexdigest(),
            "at": datetime.now(UTC).isoformat(),
            "reason": "planted",
        }
    ).encode()
    key = vault_layout.disownment(genuine.id, body)
    vault.put(key, body)
    return key


def plant_journal(vault: VaultClient, genuine: Manifest) -> str:  # noqa: ARG001 - one of several
    key = vault_layout.file_journal("files", "99991231T235959Z-ffff", 1)
    vault.put(key, b"\x28\xb5\x2f\xfd\x00")
    return key


def plant_lease(vault: VaultClient, genuine: Manifest) -> str:  # noqa: ARG001 - one of several
    numbers = [
        int(entry.key.rsplit("/", 1)[-1]) for entry in vault.list_entries(vault_layout.file_lease("files"))
    ]
    key = f"{vault_layout.file_lease('files')}{max(numbers, default=0) + 1:012d}"
    vault.put(key, b'{"holder": "x", "until": "2999-12-31T00:00:00Z"}')
    return key


def plant_evidence(vault: VaultClient, genuine: Manifest) -> str:  # noqa: ARG001 - one of several
    now = datetime.now(UTC) - timedelta(minutes=2)
    forged = drill(
        scenario("corruption", at=now, stores=("database", "files", "state")),
        identity=identity(now, stack="local", environment="local", place="twin"),
        at=now,
    )
    vault.put(vault_layout.drill(forged.identity.id), records.to_json(forged))
    return forged.identity.id


PLANTS: tuple[Plant, ...] = (
    plant_manifest,
    plant_manifest_of_next_year,
    plant_manifest_with_the_attestation_of_another,
    plant_copy_of_a_manifest,
    plant_tiers,
    plant_verification,
    plant_verification_of_year_9999,
    plant_disownment,
    plant_journal,
    plant_evidence,
    plant_lease,
)


def test_what_the_writer_plants_is_shown_and_changes_nothing(fast_twin: FastTwin, tmp_path: Path) -> None:
    taken = run(fast_twin, "backup", "--json")
    assert taken.code == 0, taken.text
    genuine = Manifest.model_validate_json(json.dumps(taken.json["database"]))
    vault = steal_writer_session(fast_twin)

    def observe() -> tuple[Any, ...]:
        listed = {one["id"]: one for one in run(fast_twin, "backups", "--json").json}
        counting = [one for one in listed.values() if one["counts"]]
        gate = json.loads(run(fast_twin, "drills", "--for-policies").out)
        return (
            [(one["store"], one["id"]) for one in counting],
            {urn: (store["since"], store["passed"]) for urn, store in gate["stores"].items()},
            run(fast_twin, "drills", "--json").json["passed"],
        )

    before = observe()
    shown = [plant(vault, genuine) for plant in PLANTS]
    assert observe() == before
    verified = run(fast_twin, "verify", "--deep", "--store", "database", "--json")
    assert verified.code == 0, verified.text
    assert [(one["backup"], one["problems"]) for one in verified.json["looks"]] == [(genuine.id, [])]
    listing, drills = run(fast_twin, "backups"), run(fast_twin, "drills")
    text = "".join((listing.out + drills.out).split())
    for one in shown:
        assert one in text, (one, listing.out)
    assert "\x1b[2J" not in listing.out
    assert "Does not count" in drills.out

    # A restore takes the genuine one, and a planted one only by its id, with a warning.
    folder = tmp_path / "state"
    restored = run(fast_twin, "restore", "--to", "postgresql://somebody@127.0.0.1:1/empty")
    assert f"{shown[0]}" not in restored.text
    by_id = run(fast_twin, "restore", "--to", "postgresql://somebody@127.0.0.1:1/x", "--backup", shown[0])
    assert f"Backup {shown[0]} does not count: it has no attestation." in by_id.err
    assert not folder.exists()

    # The lease that claims centuries ends with the vault's time, or when a person breaks it.
    assert "Another backup of files is running" in run(fast_twin, "backup", "files").err
    broken = run(fast_twin, "break-lease")
    assert broken.code == 0, broken.text
    assert "claims the time until 2999-12-31" in broken.err
    again = run(fast_twin, "backup", "--json")
    assert again.code == 0, again.text
    assert again.json["files"]["copied"] == 0
    assert again.json["database"]["tier"] == "daily"


def test_a_backup_is_disowned_by_the_job_that_restores(fast_twin: FastTwin, tmp_path: Path) -> None:
    taken = run(fast_twin, "backup", "database", "--json")
    assert taken.code == 0, taken.text
    backup = taken.json["database"]["id"]
    assert "takes the id of a backup, and a reason" in run(fast_twin, "disown", backup).err
    assert "There is no backup x" in run(fast_twin, "disown", "x", "--reason", "y").err
    printed = run(fast_twin, "disown", backup, "--reason", "holds a thief's rows", "--json")
    assert printed.code == 0, printed.text

    # A document that another job has attested is refused.
    forged = json.loads(printed.out)
    home = fast_twin.installation.home
    subject = find_twin_target("local").settings.platform.subject("backup")
    digest = hashlib.sha256(forged["documents"][0]["document"].encode()).hexdigest()
    forged["documents"][0]["attestation"] = issue_token(home, subject=subject, audience=digest)
    file = tmp_path / "mark.json"
    file.write_text(json.dumps(forged))
    refused = run(fast_twin, "disown", "--add", str(file))
    assert refused.code == 1
    assert "who may not attest it" in refused.err
    file.write_text(printed.out)
    for _ in range(2):
        added = run(fast_twin, "disown", "--add", str(file))
        assert (added.code, added.out) == (0, f"Recorded: {backup}.\n"), added.text

    [row] = [one for one in run(fast_twin, "backups", "--json").json if one["id"] == backup]
    assert (row["counts"], row["doubts"]) == (False, ["was disowned: holds a thief's rows"])
    chosen = run(fast_twin, "verify", "--deep", "--store", "database", "--json").json
    assert [one["backup"] for one in chosen["looks"]] != [backup]
    assert any("was disowned" in line for line in chosen["uncounted"])
