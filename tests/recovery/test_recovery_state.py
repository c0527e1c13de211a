"""The stack's state in the vault: complete and encrypted, verified, and restored into a folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from attesting import SIGN, trust_of
from pydantic import ValidationError
from vaults import ProxiedVault, overwrite_object

from core.failure import Failure
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.state import StateExport, StateManifest, back_up_state, restore_state, verify_state
from recovery.verify import check_backup

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc:def"}
FILES = {"Pulumi.yaml": b"name: bulwark\n", "Pulumi.prod.yaml": b"encryptionsalt: v1:salt\n"}


def export(secret: Any = SECRET, **changed: Any) -> StateExport:
    deployment = {
        "manifest": {"time": "2026-01-15T02:17:00.5+01:00", "version": "v3.259.0"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:salt"}},
        "resources": [
            {"urn": "urn:pulumi:prod::bulwark::pulumi:pulumi:Stack::bulwark-prod", "outputs": {"a": 1}},
            {"urn": "urn:pulumi:prod::bulwark::x:y:Z::z", "outputs": {"deep": [{"password": secret}]}},
        ],
    }
    return StateExport(
        json.dumps({"version": 3, "deployment": deployment | changed}).encode(), FILES, "3.259.0"
    )


def context(vault: ProxiedVault) -> RecoveryContext:
    return RecoveryContext(
        "prod", {"primary": vault.client, "replica": vault.client}, {}, {}, trust_of("prod"), SIGN
    )


def test_a_state_is_backed_up_listed_verified_and_restored(
    locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    taken = back_up_state(context(locked_vault), export())
    assert set(locked_vault.keys()) == {
        f"state/{taken.id}/{name}"
        for name in ("state.json", *FILES, "manifest.json", "manifest.json.attestation")
    }
    [found] = catalogue.read_backups(locked_vault.client, StateManifest, trust_of("prod"), store="state")
    manifest = catalogue.choose_backup([found])
    assert manifest == taken
    assert (manifest.project, manifest.resources, manifest.tools["pulumi"]) == ("bulwark", 2, "3.259.0")
    assert manifest.secrets_provider.model_dump() == {"type": "passphrase", "state": {"salt": "v1:salt"}}
    assert all(stored.lock_mode == "GOVERNANCE" for stored in manifest.objects)
    verification = check_backup(
        manifest, locked_vault.client, deep=lambda: verify_state(manifest, locked_vault.client)
    )
    assert (verification.problems, verification.deep) == ((), True)
    written = restore_state(manifest, locked_vault.client, tmp_path / "new")
    assert {path.name: path.read_bytes() for path in written} == {"state.json": export().state, **FILES}


def test_a_state_with_a_secret_in_clear_is_never_stored(locked_vault: ProxiedVault) -> None:
    clear = {SIGNATURE: SECRET[SIGNATURE], "plaintext": '"planted-secret"'}
    with pytest.raises(
        Failure, match="has a secret in clear, in urn:pulumi:prod::bulwark::x:y:Z::z"
    ) as failure:
        back_up_state(context(locked_vault), export(clear))
    assert "planted-secret" not in str(failure.value)
    assert locked_vault.keys() == []


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"not json", "no export of the engine"),
        (b'{"version": 3, "deployment": []}', "no export of the engine"),
        (b'{"version": 3, "deployment": "x"}', "no export of the engine"),
        (b"[" * 100_000, "no export of the engine"),
        (b'{"deployment":' * 100_000, "no export of the engine"),
        (export(resources=["x"]).state, "no export of the engine"),
        (export(resources=[{"urn": "x"}]).state, "no export of the engine"),
        (export(manifest={"time": "9999-12-31T23:59:59-14:00"}).state, "no time of its deployment"),
        (
            b'{"version": 3, "deployment": {"manifest": {"time": "0001-01-01T00:00:00Z"}}}',
            "no resources",
        ),
        (b'{"version": 3, "deployment": null}', "no resources"),
        (export(resources=[]).state, "no resources"),
        (export(secrets_providers=None).state, "names nobody who encrypts its secrets"),
    ],
)
def test_an_export_that_is_no_state_is_not_backed_up(
    locked_vault: ProxiedVault, state: bytes, why: str
) -> None:
    with pytest.raises(Failure, match=why):
        back_up_state(context(locked_vault), StateExport(state, FILES, "3.259.0"))
    assert locked_vault.keys() == []


def test_a_state_is_not_restored_into_a_folder_that_holds_something(
    locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    manifest = back_up_state(context(locked_vault), export())
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Failure, match="is not empty"):
        restore_state(manifest, locked_vault.client, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_damaged_state_is_named_and_leaves_nothing_behind(
    locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    manifest = back_up_state(context(locked_vault), export())
    stored = manifest.files["state.json"]
    version = overwrite_object(locked_vault, stored.key, export().state + b" ")
    files = manifest.files | {"state.json": stored.model_copy(update={"version": version})}
    edited = manifest.model_copy(update={"files": files})
    with pytest.raises(Failure, match=f"{stored.key} .*is damaged"):
        restore_state(edited, locked_vault.client, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert any("is damaged" in problem for problem in check_backup(edited, locked_vault.client).problems)


def test_a_state_manifest_with_a_file_outside_the_folder_is_refused(locked_vault: ProxiedVault) -> None:
    manifest = back_up_state(context(locked_vault), export())
    document = manifest.model_dump(mode="json")
    document["files"]["../../outside"] = document["files"]["state.json"]
    with pytest.raises(ValidationError, match="outside"):
        StateManifest.model_validate(document)
