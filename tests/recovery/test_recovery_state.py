"""The stack's state in the vault: whole, encrypted, found out where it is not, and back in a folder."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from vaults import Place, put_over

from core.failure import Failure
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.state import Exported, StateManifest, back_up_state, restore_state, verify_state
from recovery.verify import check_backup

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc:def"}
FILES = {"Pulumi.yaml": b"name: bulwark\n", "Pulumi.prod.yaml": b"encryptionsalt: v1:salt\n"}


def exported(secret: Any = SECRET, **changed: Any) -> Exported:
    deployment = {
        "manifest": {"time": "2030-01-15T02:17:00.5+01:00", "version": "v3.259.0"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:salt"}},
        "resources": [
            {"urn": "urn:pulumi:prod::bulwark::pulumi:pulumi:Stack::bulwark-prod", "outputs": {"a": 1}},
            {"urn": "urn:pulumi:prod::bulwark::x:y:Z::z", "outputs": {"deep": [{"password": secret}]}},
        ],
    }
    return Exported(json.dumps({"version": 3, "deployment": deployment | changed}).encode(), FILES, "3.259.0")


def site(place: Place) -> RecoveryContext:
    return RecoveryContext("prod", "", {"primary": place.vault, "replica": place.vault}, {}, {})


def test_a_state_is_listed_with_what_rebuilding_it_takes_and_comes_back(
    locked: Place, tmp_path: Path
) -> None:
    taken = back_up_state(site(locked), exported())
    assert set(locked.keys()) == {
        f"state/{taken.id}/{name}" for name in ("state.json", *FILES, "manifest.json")
    }
    [found] = catalogue.read_backups(locked.vault, StateManifest)
    manifest = catalogue.choose_backup([found])
    assert manifest == taken
    assert (manifest.project, manifest.resources, manifest.tools["pulumi"]) == ("bulwark", 2, "3.259.0")
    assert manifest.secrets_provider.model_dump() == {"type": "passphrase", "state": {"salt": "v1:salt"}}
    assert all(stored.lock_mode == "GOVERNANCE" for stored in manifest.objects)
    look = check_backup(manifest, locked.vault, deep=lambda: verify_state(manifest, locked.vault))
    assert (look.problems, look.deep) == ((), True)
    written = restore_state(manifest, locked.vault, tmp_path / "new")
    assert {path.name: path.read_bytes() for path in written} == {"state.json": exported().state, **FILES}


def test_a_secret_in_clear_is_never_stored(locked: Place) -> None:
    clear = {SIGNATURE: SECRET[SIGNATURE], "plaintext": '"planted-secret"'}
    with pytest.raises(
        Failure, match="has a secret in clear, in urn:pulumi:prod::bulwark::x:y:Z::z"
    ) as failure:
        back_up_state(site(locked), exported(clear))
    assert "planted-secret" not in str(failure.value)
    assert locked.keys() == []


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"not json", "no export of the engine"),
        (b'{"version": 3, "deployment": null}', "no resources"),
        (exported(resources=[]).state, "no resources"),
        (exported(secrets_providers=None).state, "names nobody who encrypts its secrets"),
    ],
)
def test_what_is_no_state_is_no_backup(locked: Place, state: bytes, why: str) -> None:
    with pytest.raises(Failure, match=why):
        back_up_state(site(locked), Exported(state, FILES, "3.259.0"))
    assert locked.keys() == []


def test_a_folder_that_holds_something_is_refused_and_left_alone(locked: Place, tmp_path: Path) -> None:
    manifest = back_up_state(site(locked), exported())
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Failure, match="is not empty"):
        restore_state(manifest, locked.vault, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_damaged_state_is_named_and_leaves_nothing_behind(locked: Place, tmp_path: Path) -> None:
    manifest = back_up_state(site(locked), exported())
    stored = manifest.files["state.json"]
    version = put_over(locked, stored.key, exported().state + b" ")
    files = manifest.files | {"state.json": stored.model_copy(update={"version": version})}
    edited = manifest.model_copy(update={"files": files})
    with pytest.raises(Failure, match=f"{stored.key} .*is damaged"):
        restore_state(edited, locked.vault, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert any("is damaged" in problem for problem in check_backup(edited, locked.vault).problems)


def test_a_manifest_that_would_write_elsewhere_is_none(locked: Place) -> None:
    manifest = back_up_state(site(locked), exported())
    document = manifest.model_dump(mode="json")
    document["files"]["../../outside"] = document["files"]["state.json"]
    with pytest.raises(ValidationError, match="outside"):
        StateManifest.model_validate(document)
