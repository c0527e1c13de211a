"""A backup of the files is whole or does not count, and damage of one is found and named."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from attesting import TRUST
from file_stores import FileStore, store
from s3_server import Fault, credentials
from vaults import overwrite_object

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.files import backup, copy
from recovery.files.comparison import CopySample
from recovery.files.manifest import FileEntry, FilesManifest, format_line, read_listing, store_listing
from recovery.files.restore import restore_files
from recovery.files.source import FileSource
from recovery.files.target import FolderTarget
from recovery.files.verify import verify_files
from recovery.vault.lease import hold_lease
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

__all__ = ["store"]

MANY = [f"f{number:02}" for number in range(12)]
BRIEFLY = timedelta(seconds=3)


def backups(store: FileStore) -> list[str]:
    return [one.id for one in catalogue.list_backups(store.vault_client, FilesManifest, store="files")]


def test_files_that_a_killed_run_copied_are_not_copied_again(store: FileStore) -> None:
    store.put("kept")
    first = store.back_up()
    store.put(*MANY)
    program = textwrap.dedent(f"""
        from datetime import timedelta
        from attesting import SIGN, TRUST
        from recovery.files import backup
        from recovery.files.source import FileSource
        from recovery.context import RecoveryContext
        from recovery.vault.client import AccessKey, create_client
        from recovery.vault.vault import VaultClient

        backup._BATCH_OBJECTS = 4
        source = FileSource({store.proxy.url!r}, "eu-central-1", ({store.bucket!r},), AccessKey(
            {store.source.access_key.id!r}, {store.source.access_key.secret!r}))
        vault = VaultClient(create_client("us-east-1", {store.vault.proxy.url!r}), {store.vault.bucket!r})
        context = RecoveryContext(
            "test", {{"primary": vault}}, {{}}, {{}}, TRUST, SIGN, files=source, store="files"
        )
        backup.back_up_files(context, period=timedelta(seconds=3))
    """)
    # The second batch does not get on.
    store.proxy.faults.append(Fault("GET", "f05", times=9, answer=(503, "SlowDown")))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=credentials() | {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parent.parent)},
    ) as killed:
        deadline = time.monotonic() + 120
        while not any(
            key.endswith("copied-00001.jsonl.zst") for key in set(store.vault.keys()) if first.id not in key
        ):
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    assert backups(store) == [first.id]
    store.proxy.faults.clear()
    time.sleep(BRIEFLY.total_seconds() + 1)  # the vault tells its time in whole seconds
    second = store.back_up()
    assert (second.files, second.copied) == (13, 8)
    assert len(store.versions("f00")) == 1
    assert verify_files(second, store.vault_client, deep=True).passed
    assert verify_files(first, store.vault_client, deep=True).passed


def test_a_second_file_backup_is_refused_while_one_runs_and_not_after(store: FileStore) -> None:
    store.put("a")
    with hold_lease(store.vault_client, vault_layout.file_lease("files"), "backup of the files"):
        with pytest.raises(Failure, match="Another backup of files is running"):
            store.back_up()
        assert backups(store) == []
    assert store.back_up().copied == 1


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "list-type=2", answer=(503, "SlowDown")),
        Fault("GET", "f03", times=2, answer=(503, "SlowDown")),
        Fault("GET", "f03", cut_answer=1),
    ],
    ids=["listing", "reading", "cut"],
)
def test_a_file_backup_survives_a_source_that_fails_now_and_then(store: FileStore, fault: Fault) -> None:
    store.put(*MANY)
    store.proxy.faults.append(fault)
    manifest = store.back_up()
    assert manifest.files == len(MANY)
    assert verify_files(manifest, store.vault_client, deep=True).passed


def test_a_file_backup_survives_a_vault_that_fails_now_and_then(store: FileStore) -> None:
    store.put(*MANY)
    store.vault.proxy.faults += [
        Fault("PUT", "/files/objects/", times=2, answer=(503, "SlowDown")),
        Fault("GET", "versions", answer=(503, "SlowDown")),
    ]
    manifest = store.back_up()
    assert verify_files(manifest, store.vault_client, deep=True).passed


def test_a_writer_that_may_not_read_the_vault_still_copies_by_rclone(store: FileStore) -> None:
    # AWS answers the writer's role so, whether or not the object exists.
    store.vault.proxy.faults.append(
        Fault("HEAD", query="files/objects/", times=1_000, answer=(403, "Forbidden"))
    )
    store.put("first", "second/third")
    for body in (b"one", b"another"):
        store.put("first", body=body)
        assert store.back_up().copied
    by = {
        headers["user-agent"].split("/")[0] for headers in store.vault.proxy.requests("PUT", "files/objects/")
    }
    assert by == {"rclone"}


def test_a_failure_of_rclone_is_reported_and_the_files_are_copied_one_by_one(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = copy._rclone_environment  # noqa: SLF001 - spoiled here
    monkeypatch.setattr(
        copy, "_rclone_environment", lambda *of: environment(*of) | {"RCLONE_CONFIG_HASHED_TYPE": "nothing"}
    )
    store.put("a", "b")
    assert store.back_up().copied == 2
    output = capsys.readouterr().err
    assert "copied one by one" in output
    assert "find backend called" in output


def test_a_missing_bucket_is_not_taken_for_an_empty_one(store: FileStore) -> None:
    store.put("a")
    first = store.back_up()
    gone = FileSource(store.source.endpoint, "eu-central-1", ("no-such-bucket",), store.source.access_key)
    store.source = gone
    with pytest.raises(Failure, match="there is no such bucket") as raised:
        store.back_up()
    assert "bulwark:stores" in str(raised.value)
    assert backups(store) == [first.id]


def test_a_source_that_lists_almost_nothing_is_not_believed(store: FileStore) -> None:
    store.put(*MANY)
    first = store.back_up()
    store.remove(*MANY[:7])
    with pytest.raises(Failure, match="lists 7 of the 12 objects of its last backup no more"):
        store.back_up()
    assert backups(store) == [first.id]
    second = store.back_up(accept_gone=True)
    assert (second.files, second.gone) == (5, 7)
    assert verify_files(first, store.vault_client, deep=True).passed


def test_a_file_whose_download_differs_from_its_listing_is_kept_as_downloaded_and_reported(
    store: FileStore, tmp_path: Path
) -> None:
    """Supabase rewrites HTML in downloads: size and checksum differ from its listing."""
    store.put("page.html", "plain")
    store.proxy.faults.append(Fault("GET", "page.html", times=99, shorten_answer=4))
    manifest = store.back_up()
    item = store.items(manifest)["page.html"]
    assert (item.altered, item.bytes, item.listed, manifest.altered) == (True, 4, 9, 1)
    assert not store.items(manifest)["plain"].altered
    assert "1 as handed out and not as listed" in manifest.summary
    assert verify_files(manifest, store.vault_client, deep=True).passed
    restore_files(manifest, store.vault_client, FolderTarget.open_empty(tmp_path / "to"))
    assert (tmp_path / "to" / store.bucket / "page.html").read_bytes() == b"page"
    assert store.back_up().copied == 0


def unreadable(key: str, answer: tuple[int, str] = (403, "AccessDenied")) -> Fault:
    return Fault("*", key, times=99, answer=answer)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_backed_up(
    store: FileStore, tmp_path: Path
) -> None:
    store.put(*MANY, "archived", "refused")
    store.proxy.faults += [unreadable("/refused"), unreadable("/archived", (403, "InvalidObjectState"))]
    manifest = store.back_up()
    assert (manifest.files, manifest.unreadable) == (len(MANY), 2)
    assert [(one.kind, one.name, one.why) for one in manifest.left_out] == [
        ("file", f"{store.bucket}/archived", "the file store answered InvalidObjectState"),
        ("file", f"{store.bucket}/refused", "the file store answered AccessDenied"),
    ]
    assert "2 not in it: unreadable" in manifest.summary
    assert verify_files(manifest, store.vault_client, deep=True).passed
    assert restore_files(manifest, store.vault_client, FolderTarget.open_empty(tmp_path / "to")).files == len(
        MANY
    )
    store.proxy.faults.clear()
    again = store.back_up()
    assert (again.files, again.copied, again.unreadable, again.left_out) == (14, 2, 0, ())


def test_what_the_vault_has_of_an_unreadable_file_is_not_taken_for_the_copy_of_a_deleted_one(
    store: FileStore,
) -> None:
    store.put("kept", "changed")
    first = store.back_up()
    store.put("changed", body=b"anew")
    store.proxy.faults.append(unreadable("/changed"))
    second = store.back_up()
    assert (second.files, second.gone, second.unreadable) == (1, 0, 1)
    assert list(store.items(second)) == ["kept"]
    assert verify_files(first, store.vault_client, deep=True).passed


def test_a_file_whose_lock_can_only_not_be_renewed_stays_in_the_backup(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("old", "older")
    first = store.back_up()
    monkeypatch.setattr("recovery.files.comparison.LockRenewal.is_due", lambda *_: True)
    monkeypatch.setattr("recovery.files.comparison.LockRenewal.earliest", "~")
    store.proxy.faults.append(unreadable("/old"))
    second = store.back_up()
    assert (second.files, second.copied, second.unreadable) == (2, 0, 0)
    assert store.items(second) == store.items(first)


def test_a_bucket_of_which_most_files_cannot_be_read_has_no_backup_unless_that_is_accepted(
    store: FileStore,
) -> None:
    store.put(*MANY)
    store.proxy.faults.append(Fault("*", "/f", times=9_999, answer=(403, "AccessDenied")))
    with pytest.raises(Failure, match=r"10 of the 12 objects of the bucket \S+ can't be read") as raised:
        store.back_up()
    assert "--accept-unreadable" in str(raised.value)
    assert backups(store) == []
    manifest = store.back_up(accept_unreadable=True)
    assert (manifest.files, manifest.unreadable) == (0, 12)


def test_a_file_store_that_fails_in_the_middle_has_no_unreadable_files(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a")
    compare = backup.BackupRun.compare

    def then_fail(self: backup.BackupRun, *, accept_gone: bool) -> None:
        compare(self, accept_gone=accept_gone)
        store.proxy.faults.append(Fault("*", times=9_999, answer=(403, "InvalidAccessKeyId")))

    monkeypatch.setattr(backup.BackupRun, "compare", then_fail)
    with pytest.raises(Failure, match=r"Listing the bucket .* the access key is not accepted"):
        store.back_up()
    assert backups(store) == []


def test_a_file_that_changes_during_the_backup_is_copied_as_changed(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("moving", "vanishing", "still")
    compare = backup.BackupRun.compare

    def then_change(self: backup.BackupRun, *, accept_gone: bool) -> None:
        compare(self, accept_gone=accept_gone)
        store.put("moving", body=b"has moved")
        store.remove("vanishing")

    monkeypatch.setattr(backup.BackupRun, "compare", then_change)
    manifest = store.back_up()
    monkeypatch.undo()
    entries = store.items(manifest)
    assert sorted(entries) == ["moving", "still"]
    assert store.content(entries["moving"]) == b"has moved"
    assert not entries["moving"].altered
    assert store.back_up().copied == 0


def test_missing_and_replaced_copies_of_files_are_found_and_named(store: FileStore, tmp_path: Path) -> None:
    store.put("missing", "replaced", "fine")
    manifest = store.back_up()
    entries = store.items(manifest)
    raw, bucket = store.vault.direct, store.vault.bucket
    raw.delete_object(
        Bucket=bucket,
        Key=entries["missing"].copy_key("files"),
        VersionId=entries["missing"].version,
        BypassGovernanceRetention=True,
    )
    raw.put_object(
        Bucket=bucket, Key=entries["replaced"].copy_key("files"), Body=b"other", ChecksumAlgorithm="SHA256"
    )
    for deep in (False, True):
        verification = verify_files(manifest, store.vault_client, deep=deep)
        assert verification.problems
        assert all(entries["missing"].copy_key("files") in problem for problem in verification.problems)
    with pytest.raises(Failure, match="missing"):
        restore_files(manifest, store.vault_client, FolderTarget.open_empty(tmp_path / "to"))
    # The next run copies both files again.
    again = store.back_up()
    assert again.copied == 2
    assert verify_files(again, store.vault_client, deep=True).passed


def test_a_planted_newer_version_of_a_copy_is_neither_believed_nor_restored(
    store: FileStore, tmp_path: Path
) -> None:
    """The writer of a vault may add versions of every copy, of the same size too."""
    store.put("a", "b", "n" * 1_020)
    first = store.back_up()
    for item in store.items(first).values():
        overwrite_object(store.vault, item.copy_key("files"), b"X" * item.bytes)
    second = store.back_up()
    assert (second.files, second.copied) == (3, 3)
    for manifest in (first, second):
        assert verify_files(manifest, store.vault_client, deep=True).passed
        folder = FolderTarget.open_empty(tmp_path / manifest.id)
        restore_files(manifest, store.vault_client, folder)
        restored = [path.read_text() for path in folder.list_files()]
        assert sorted(restored) == sorted(store.items(manifest))


def test_poisoned_copies_with_a_planted_journal_are_copied_anew(store: FileStore, tmp_path: Path) -> None:
    """The writer of a vault names its own versions, with their own SHA-256 and the genuine ETags."""
    store.put(*MANY)
    first = store.back_up()
    poisoned: list[FileEntry] = []
    for item in store.items(first).values():
        body = b"X" * item.bytes
        version = overwrite_object(store.vault, item.copy_key("files"), body)
        poisoned.append(replace(item, version=version, sha256=hashlib.sha256(body).hexdigest()))
    for backup_id in ("99991231T235959Z-ffff", first.id):
        journal = vault_layout.file_journal("files", backup_id, 9)
        store_listing(store.vault_client, journal, map(format_line, poisoned))
    second = store.back_up()
    assert (second.files, second.copied) == (len(MANY), len(MANY))
    assert verify_files(second, store.vault_client, deep=True).passed
    folder = FolderTarget.open_empty(tmp_path / "to")
    restore_files(second, store.vault_client, folder)
    assert sorted(path.read_text() for path in folder.list_files()) == sorted(MANY)


def test_a_version_that_is_planted_while_a_file_is_copied_is_found_and_not_restored(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", "b")
    verify_uploads = backup.verify_uploads

    def plant_before(vault: VaultClient, copies: CopySample, keys: list[str]) -> Iterator[VersionEntry]:
        overwrite_object(store.vault, keys[0], b"X")
        return verify_uploads(vault, copies, keys)

    monkeypatch.setattr(backup, "verify_uploads", plant_before)
    manifest = store.back_up()
    monkeypatch.undo()
    [problem] = verify_files(manifest, store.vault_client, deep=True).problems
    assert f"{store.bucket}/a" in problem
    with pytest.raises(Failure, match="its SHA-256 is"):
        restore_files(manifest, store.vault_client, FolderTarget.open_empty(tmp_path / "to"))


def test_what_is_planted_beside_copies_and_manifests_of_files_changes_no_backup(store: FileStore) -> None:
    store.put("a", "b")
    first = store.back_up()
    entries = store.items(first)
    planted = [
        f"files/objects/files/{store.bucket}/never-there",
        f"files/long/files/{store.bucket}/{'0' * 64}",
        f"files/objects/another-store/{store.bucket}/never-there",
        "files/objects/files/another-bucket/a",
        f"{first.folder}notes.txt",
        "manifests/files/files/99991231T235959Z-ffff/listing.jsonl.zst",
    ]
    for key in planted:
        store.vault.direct.put_object(
            Bucket=store.vault.bucket, Key=key, Body=b"planted", ChecksumAlgorithm="SHA256"
        )
    store.vault.direct.delete_object(Bucket=store.vault.bucket, Key=entries["b"].copy_key("files"))
    second = store.back_up()
    # The two objects of its bucket that the source does not have are tagged like copies of deleted files.
    assert (second.files, second.copied, second.gone) == (2, 1, 2)
    assert sorted(store.items(second)) == ["a", "b"]
    newest = catalogue.read_newest(store.vault_client, FilesManifest, TRUST, "files")
    assert newest
    assert newest.manifest == second
    for manifest in (first, second):
        assert verify_files(manifest, store.vault_client, deep=True).passed


def test_an_edited_file_manifest_is_found(store: FileStore) -> None:
    store.put("a", "b")
    manifest = store.back_up()
    raw, bucket = store.vault.direct, store.vault.bucket
    shorter = manifest.model_copy(update={"buckets": ()})
    with pytest.raises(Failure, match="The compressed data has more than 0 bytes"):
        list(read_listing(shorter, store.vault_client))
    raw.put_object(
        Bucket=bucket, Key=manifest.key, Body=shorter.model_dump_json().encode(), ChecksumAlgorithm="SHA256"
    )
    [verification] = [
        verify_files(one.manifest, store.vault_client)
        for one in catalogue.read_backups(store.vault_client, FilesManifest, TRUST, store="files")
        if one.manifest
    ]
    assert any("has 2 versions" in problem for problem in verification.problems)


def test_a_truncated_copy_is_found_by_its_size_and_by_its_hash(store: FileStore) -> None:
    store.put("a", body=b"x" * 5000)
    manifest = store.back_up()
    store.vault.proxy.faults.append(Fault("GET", "/files/objects/", shorten_answer=10))
    verification = verify_files(manifest, store.vault_client, deep=True)
    assert any(f"files/objects/files/{store.bucket}/a" in problem for problem in verification.problems)


def test_the_sources_access_key_is_in_no_message_and_in_no_repr(store: FileStore) -> None:
    store.put("a")
    store.proxy.faults.append(Fault("*", times=99, answer=(403, "InvalidAccessKeyId")))
    with pytest.raises(Failure, match="the access key is not accepted") as raised:
        store.back_up()
    assert store.source.access_key.secret not in str(raised.value)
    assert store.source.access_key.id not in str(raised.value)
    assert store.source.access_key.secret not in repr(store.source)
