"""The files in the copy elsewhere: encrypted one by one, copied once, and restored from it alone."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attesting import SIGN, TRUST, make_key
from elsewhere_store import LOCK_DAYS, Elsewhere, elsewhere, second_server, write_identity
from file_stores import FileStore, store
from s3_server import Fault
from sample_stores import STACK_FILES
from test_recovery_state import export
from vaults import overwrite_object

from core.failure import Failure
from recovery import catalogue
from recovery.attestation import sign_with
from recovery.context import RecoveryContext
from recovery.elsewhere import file_fill
from recovery.elsewhere.copies import BackupCopy, CopyRules
from recovery.elsewhere.lock import renew_lock, store_locked
from recovery.elsewhere.vault import ElsewhereVault
from recovery.elsewhere.verify import ListedFiles, verify_copy, verify_files
from recovery.files.manifest import FilesManifest
from recovery.files.restore import find_differences, restore_files
from recovery.files.target import BucketAddress, BucketTarget, FolderTarget
from recovery.manifest import StoredObject
from recovery.state import back_up_state
from recovery.store import STATE
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient

__all__ = ["elsewhere", "second_server", "store"]

pytestmark = [pytest.mark.shares("elsewhere"), pytest.mark.scenario("copies elsewhere")]

NAMES = ["planted/a.pdf", "planted/b", "planted/c//odd", "planted/" + "l" * 1000]


def fill(elsewhere: Elsewhere, store: FileStore, **changes: Any) -> list[BackupCopy]:
    return elsewhere.fill(store.vault, stores=(STACK_FILES,), **changes)


def count_copied(elsewhere: Elsewhere) -> int:
    """Count the encrypted files that were stored since the last call."""
    count = len(elsewhere.proxy.requests("PUT", f"/{elsewhere.bucket}/files/"))
    renewed = len(elsewhere.proxy.requests("PUT", "?retention"))
    elsewhere.proxy.recorded.clear()
    return count - renewed


def problems_of(vault: ElsewhereVault, copy: BackupCopy) -> tuple[str, ...]:
    return verify_copy(vault, copy, ListedFiles(vault.stored)).problems


def test_files_come_back_from_the_copy_elsewhere_alone(
    store: FileStore, elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One of them is copied as large ones are.
    monkeypatch.setattr(file_fill, "_SMALL_BYTES", 100)
    store.put(*NAMES, ContentType="application/x-planted", Metadata={"owner": "planted"})
    store.put("empty", body=b"")
    manifest = store.back_up()
    (copy,) = fill(elsewhere, store)
    assert (copy.backup, copy.store, copy.file_count) == (manifest.id, "files", 5)

    # Whoever reads the store sees neither names nor contents nor types.
    listed = elsewhere.direct.list_object_versions(Bucket=elsewhere.bucket)["Versions"]
    assert not [one["Key"] for one in listed if "planted" in one["Key"] or store.bucket in one["Key"]]
    assert b"planted" not in elsewhere.bodies()
    assert store.bucket.encode() not in elsewhere.bodies()
    until = datetime.now(UTC) + timedelta(days=LOCK_DAYS)
    for one in listed:
        head = elsewhere.direct.head_object(
            Bucket=elsewhere.bucket, Key=one["Key"], VersionId=one["VersionId"]
        )
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert abs(head["ObjectLockRetainUntilDate"] - until) < timedelta(minutes=5)
        assert "planted" not in str(head)
    assert copy.locked_until
    assert abs(copy.locked_until - until) < timedelta(minutes=5)

    # The AWS vault is lost: nothing below asks it for anything.
    store.vault.proxy.is_down = True
    assert problems_of(elsewhere.open(), copy) == ()
    opened = elsewhere.open(identity=elsewhere.identity)
    assert verify_files(opened, copy) == []
    (backup,) = catalogue.read_backups(opened, FilesManifest, TRUST, store="files")
    assert (backup.manifest, backup.doubts) == (manifest, ())
    folder = FolderTarget.open_empty(tmp_path / "to")
    assert restore_files(manifest, opened, folder).files == 5
    assert list(find_differences(manifest, opened, folder)) == []
    # In a bucket each file gets back the headers and metadata that it had.
    bucket = f"restored-{secrets.token_hex(4)}"
    elsewhere.direct.create_bucket(Bucket=bucket)
    address = BucketAddress(bucket, "us-east-1", elsewhere.url)
    restore_files(manifest, opened, BucketTarget.open_empty(address, vaults=()))
    head = elsewhere.direct.head_object(Bucket=bucket, Key=NAMES[0])
    assert (head["ContentType"], head["Metadata"]) == ("application/x-planted", {"owner": "planted"})


def test_a_file_that_is_elsewhere_already_is_not_copied_again(store: FileStore, elsewhere: Elsewhere) -> None:
    store.put("same", "changed", "goes", "stored anew")
    first = store.back_up()
    fill(elsewhere, store)
    assert count_copied(elsewhere) == 4
    assert fill(elsewhere, store) == []
    assert count_copied(elsewhere) == 0
    # A file that the vault has as another version is the same one still.
    entry = store.items(first)["stored anew"]
    overwrite_object(store.vault, entry.copy_key("files"), b"stored anew")
    store.put("changed", body=b"other")
    store.put("new")
    store.remove("goes")
    second = store.back_up()
    assert store.items(second)["stored anew"].version != entry.version
    (copy,) = fill(elsewhere, store)
    assert (copy.backup, copy.file_count, count_copied(elsewhere)) == (second.id, 4, 2)
    # Both are whole, and have what they had.
    opened = elsewhere.open(identity=elsewhere.identity)
    for manifest, gone in ((first, b"goes"), (second, None)):
        items = store.items(manifest)
        found = {key: b"".join(opened.read(one.copy_key("files"), one.version)) for key, one in items.items()}
        assert found.get("goes") == gone
        assert found["changed"] == (b"changed" if gone else b"other")
    assert [problems_of(opened, one) for one in opened.copies] == [(), ()]
    # Other keys open nothing of what was there before.
    identity, public = write_identity(elsewhere.identity.file.parent)
    elsewhere.rules = CopyRules((public,), LOCK_DAYS)
    store.put("newest")
    store.back_up()
    (copy,) = fill(elsewhere, store)
    assert (count_copied(elsewhere), verify_files(elsewhere.open(identity=identity), copy)) == (5, [])


def test_an_interrupted_copy_of_files_elsewhere_goes_on_where_it_was(
    store: FileStore, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_fill, "_PART_ENTRIES", 2)
    store.put(*"abcde")
    store.back_up()
    refusal = Fault("PUT", query=f"/{elsewhere.bucket}/files/", skip=4, times=9, answer=(403, "AccessDenied"))
    elsewhere.proxy.faults.append(refusal)
    with pytest.raises(Failure, match="may not do this"):
        fill(elsewhere, store, issue_token=sign_with(make_key("thief")[0]))
    assert elsewhere.open().copies == []
    elsewhere.proxy.faults.clear()
    count_copied(elsewhere)
    # What a thief's run has left is not believed.
    elsewhere.proxy.faults.append(replace(refusal, skip=4, times=9))
    with pytest.raises(Failure, match="may not do this"):
        fill(elsewhere, store)
    assert count_copied(elsewhere) == 5
    elsewhere.proxy.faults.clear()
    (copy,) = fill(elsewhere, store)
    assert (count_copied(elsewhere), len(copy.files)) == (1, 3)
    assert verify_files(elsewhere.open(identity=elsewhere.identity), copy) == []


def test_the_lock_of_a_current_file_is_renewed_elsewhere(store: FileStore, elsewhere: Elsewhere) -> None:
    store.put("a", "b")
    store.back_up()
    fill(elsewhere, store)
    count_copied(elsewhere)
    # As if the lock of five days were one of fifty that has nearly passed.
    elsewhere.rules = CopyRules(elsewhere.rules.recipients, 50)
    store.put("c")
    store.back_up()
    (copy,) = fill(elsewhere, store)
    assert count_copied(elsewhere) == 1
    assert copy.locked_until
    assert copy.locked_until > datetime.now(UTC) + timedelta(days=49)
    opened = elsewhere.open(identity=elsewhere.identity)
    assert [problems_of(opened, one) for one in opened.copies] == [(), ()]
    store.put("d")
    store.back_up()
    (copy,) = fill(elsewhere, store)
    assert elsewhere.proxy.requests("PUT", "?retention") == []
    over = StoredObject(
        key="files/over.age",
        version="1",
        bytes=1,
        sha256="0" * 64,
        lock_mode="COMPLIANCE",
        locked_until=datetime.now(UTC) - timedelta(days=1),
    )
    assert renew_lock(opened.stored, over, elsewhere.rules) is None
    gone = over.model_copy(update={"locked_until": datetime.now(UTC) + timedelta(days=1)})
    elsewhere.proxy.faults.append(Fault("PUT", query="?retention", answer=(404, "NoSuchVersion")))
    assert renew_lock(opened.stored, gone, elsewhere.rules) is None


@pytest.mark.parametrize("size", [1 << 10, 6 << 20], ids=["whole", "in parts"])
def test_a_service_elsewhere_that_refuses_checksums_takes_a_locked_object(
    elsewhere: Elsewhere, size: int
) -> None:
    def open_vault(*, portable: bool) -> VaultClient:
        client = create_client("us-east-1", elsewhere.proxy.url, attempts=1, portable=portable)
        return VaultClient(client, elsewhere.bucket, part_bytes=5 << 20)

    with pytest.raises(Failure, match="InvalidArgument"):
        open_vault(portable=False).store("object", (bytes(size),))
    vault = open_vault(portable=True)
    stored = store_locked(vault, "object", (bytes(size),), elsewhere.rules)
    assert (stored.bytes, stored.lock_mode) == (size, "COMPLIANCE")
    assert vault.head("object", stored.version).bytes == size
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    assert vault.extend_lock("object", stored.version, until) == until
    # What arrives damaged is refused all the same.
    elsewhere.proxy.faults.append(Fault("PUT", query="/damaged", damage_request=0, times=9))
    with pytest.raises(Failure, match="not what was sent"):
        vault.store("damaged", (bytes(size),))


def test_a_changed_or_lost_file_elsewhere_is_found(store: FileStore, elsewhere: Elsewhere) -> None:
    store.put("a", "b")
    store.back_up()
    (copy,) = fill(elsewhere, store)
    opened = elsewhere.open(identity=elsewhere.identity)
    damages: list[dict[str, Any]] = [{"damage_answer": 250}, {"answer": (404, "NoSuchVersion")}]
    for damage in damages:
        # Before the files, each reads what is encrypted of the backup: with its attestation or without.
        for find, others in ((problems_of, 3), (verify_files, 2)):
            elsewhere.proxy.faults[:] = [Fault("GET", query=".age?versionId", skip=others, **damage)]
            (problem,) = find(opened, copy)
            assert f"{problem} ".startswith("files/") or " files/" in problem, damage
    elsewhere.proxy.faults.clear()
    more = copy.model_copy(update={"file_count": 3})
    assert problems_of(opened, more) == ("its lists name 2 files; its document says 3",)


def test_a_file_that_the_vault_has_lost_keeps_no_other_store_from_being_copied_elsewhere(
    store: FileStore, elsewhere: Elsewhere
) -> None:
    store.put("a")
    store.back_up()
    back_up_state(RecoveryContext("test", {"primary": store.vault_client}, {}, {}, TRUST, SIGN), export())
    store.vault.proxy.faults.append(
        Fault("*", query="/files/objects/", times=99, answer=(404, "NoSuchVersion"))
    )
    with pytest.raises(Failure, match="it is not there"):
        elsewhere.fill(store.vault, stores=(STACK_FILES, STATE))
    assert [copy.store for copy in elsewhere.open().copies] == ["state"]
