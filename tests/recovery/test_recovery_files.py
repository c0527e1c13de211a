"""Files are backed up into the vault and restored as of any backup."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from attesting import TRUST
from file_stores import FileStore, store

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.files.manifest import FilesManifest
from recovery.files.restore import Selection, find_differences, restore_files
from recovery.files.target import BucketAddress, BucketTarget, FolderTarget
from recovery.files.verify import verify_files

__all__ = ["store"]

ODD = [
    "sp ace/ü ä.txt",
    "d/a\u0308 (decomposed)",
    " leading and trailing ",
    "emoji😀",
    "full／width",  # noqa: RUF001 - it is what rclone writes for a slash
    "quote\"'.txt",
    "back\\slash",
    "plus+%25&?#",
    "*co:lon|<>",
    "tab\there",
    "a//b",
    "/leading",
    "trailing/",
    "a/../b",
    "./dot",
    "n" * 300,
    "l/" * 500 + "long",
    "x",
    "x/continued",
]


def test_every_file_is_copied_and_listed_with_its_checksums_and_metadata(store: FileStore) -> None:
    store.put("a.pdf", "b/c.pdf", ContentType="application/pdf", Metadata={"owner": "7"})
    store.put("empty", body=b"")
    manifest = store.back_up()
    assert (manifest.files, manifest.copied, manifest.bytes) == (3, 3, 12)
    entries = store.items(manifest)
    assert list(entries) == ["a.pdf", "b/c.pdf", "empty"]
    for key, item in entries.items():
        body = b"" if key == "empty" else key.encode()
        assert store.content(item) == body
        assert item.sha256 == hashlib.sha256(body).hexdigest()
        assert item.etag == hashlib.md5(body, usedforsecurity=False).hexdigest()
    head = store.vault.direct.head_object(Bucket=store.vault.bucket, Key=entries["a.pdf"].copy_key("files"))
    assert (head["ContentType"], head["Metadata"]["owner"]) == ("application/pdf", "7")
    assert head["ObjectLockMode"] == "GOVERNANCE"
    locked_until = min(item.locked_until for item in entries.values() if item.locked_until)
    assert manifest.copies_locked_until == locked_until
    assert abs((head["ObjectLockRetainUntilDate"] - locked_until).total_seconds()) < 5


@pytest.mark.parametrize("changed", [1, 8])
def test_a_copied_file_costs_its_store_one_request(store: FileStore, changed: int) -> None:
    keys = [f"folder{number % 3}/{number}" for number in range(8)]
    store.put(*keys)
    store.back_up()
    store.put(*keys[:changed], body=b"changed")
    store.proxy.recorded.clear()
    assert store.back_up().copied == changed
    asked = [(method, path.partition("?")[0]) for method, path, _ in store.proxy.recorded]
    copied = [("GET", f"/{store.bucket}/{key}") for key in keys[:changed]]
    assert sorted(asked) == sorted([("GET", f"/{store.bucket}"), *copied])


def test_only_new_or_changed_files_are_copied(store: FileStore) -> None:
    store.put("same", "changed")
    first = store.back_up()
    store.put("changed", body=b"other")
    store.put("new")
    second = store.back_up()
    assert (second.files, second.copied) == (3, 2)
    before, after = store.items(first), store.items(second)
    assert before["same"] == after["same"]
    assert store.versions("same") == [after["same"].version]
    assert store.versions("changed") == [after["changed"].version, before["changed"].version]
    third = store.back_up()
    assert (third.files, third.copied) == (3, 0)
    assert store.items(third) == after


def test_changed_and_deleted_files_are_restored_as_of_any_backup(store: FileStore, tmp_path: Path) -> None:
    store.put("kept", "deleted", "changed")
    first = store.back_up()
    store.remove("deleted")
    store.put("changed", body=b"other")
    second = store.back_up()
    assert (second.files, second.gone) == (2, 1)
    for manifest, expected in (
        (first, {"kept": b"kept", "deleted": b"deleted", "changed": b"changed"}),
        (second, {"kept": b"kept", "changed": b"other"}),
    ):
        folder = FolderTarget.open_empty(tmp_path / manifest.id)
        restore_files(manifest, store.vault_client, folder)
        there = folder.path / store.bucket
        assert {file.name: file.read_bytes() for file in there.iterdir()} == expected
        assert list(find_differences(manifest, store.vault_client, folder)) == []


def test_the_copy_of_a_deleted_file_is_tagged_and_a_file_that_returns_is_copied_anew(
    store: FileStore,
) -> None:
    def tags(version: str) -> list[Any]:
        return store.vault.direct.get_object_tagging(
            Bucket=store.vault.bucket,
            Key=vault_layout.file_copy("files", store.bucket, "comes and goes"),
            VersionId=version,
        )["TagSet"]

    store.put("stays", "comes and goes")
    first = store.items(store.back_up())["comes and goes"]
    store.remove("comes and goes")
    store.back_up()
    assert tags(first.version) == [{"Key": "bulwark-gone", "Value": "yes"}]
    store.put("comes and goes")
    again = store.items(store.back_up())["comes and goes"]
    assert again.version != first.version
    assert tags(again.version) == []


def test_files_with_odd_keys_are_restored_unchanged(store: FileStore, tmp_path: Path) -> None:
    store.put(*ODD)
    manifest = store.back_up()
    entries = store.items(manifest)
    assert sorted(entries) == sorted(ODD)
    assert list(entries) == sorted(ODD, key=str.encode)
    assert all(store.content(item) == key.encode() for key, item in entries.items())
    assert store.back_up().copied == 0
    assert verify_files(manifest, store.vault_client).problems == ()
    folder = FolderTarget.open_empty(tmp_path / "to")
    done = restore_files(manifest, store.vault_client, folder)
    assert done.files == len(ODD)
    assert list(find_differences(manifest, store.vault_client, folder)) == []
    assert (folder.path / store.bucket / "sp ace" / "ü ä.txt").read_bytes() == "sp ace/ü ä.txt".encode()
    named = [json.loads(line)["key"] for line in (folder.path / "odd-names.jsonl").read_text().splitlines()]
    assert {"a//b", "/leading", "trailing/", "a/../b", "./dot", "n" * 300} <= set(named)
    assert len(named) == done.odd_names
    assert not (tmp_path / "b").exists()


CONTROLS = [chr(code) for code in (*range(1, 0x20), 0x7F, 0x80, 0x85, 0x9F, 0x2028, 0xFFFE, 0xFFFF)]
"""C0 without NUL, which moto refuses, DEL, C1, and others that XML can't express or that separate lines."""


def test_files_whose_keys_have_control_characters_are_backed_up_and_restored(
    store: FileStore, tmp_path: Path
) -> None:
    keys = [f"d/a{control}b" for control in CONTROLS]
    # rclone writes a key's full-width dots with this mark, and its own marks twice.
    keys += [
        "\r\n",
        "\x1b[2J\x1b]0;title\x07",
        "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}x",
        "\uff0e\uff0e/x",
    ]
    store.put(*keys)
    manifest = store.back_up()
    entries = store.items(manifest)
    assert list(entries) == sorted(keys, key=str.encode)
    assert all(store.content(item) == key.encode() for key, item in entries.items())
    copies = {item.copy_key("files") for item in entries.values()}
    assert {key for key in list(store.vault.keys()) if key.startswith("files/")} == copies
    assert store.back_up().copied == 0
    for deep in (False, True):
        assert verify_files(manifest, store.vault_client, deep=deep).problems == ()
    folder = FolderTarget.open_empty(tmp_path / "to")
    assert restore_files(manifest, store.vault_client, folder).files == len(keys)
    assert list(find_differences(manifest, store.vault_client, folder)) == []
    store.direct.create_bucket(
        Bucket=f"{store.bucket}-to", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    address = BucketAddress(
        f"{store.bucket}-to", "eu-central-1", store.source.endpoint, store.source.access_key
    )
    restore_files(manifest, store.vault_client, BucketTarget.open_empty(address, vaults=[]))
    listed = store.direct.list_objects_v2(Bucket=address.bucket)["Contents"]
    assert sorted(item["Key"] for item in listed) == sorted(keys)
    for key in keys:
        assert store.direct.get_object(Bucket=address.bucket, Key=key)["Body"].read() == key.encode()


def test_a_prefix_of_a_file_backup_can_be_restored_alone(store: FileStore, tmp_path: Path) -> None:
    store.put("cvs/1", "cvs/2", "letters/1")
    manifest = store.back_up()
    folder = FolderTarget.open_empty(tmp_path / "to")
    selection = Selection(bucket=store.bucket, prefix="cvs/")
    assert restore_files(manifest, store.vault_client, folder, selection=selection).files == 2
    assert list(find_differences(manifest, store.vault_client, folder, selection=selection)) == []
    with pytest.raises(Failure, match="has no bucket other"):
        restore_files(
            manifest,
            store.vault_client,
            FolderTarget.open_empty(tmp_path / "x"),
            selection=Selection(bucket="other"),
        )


def test_a_restore_into_a_bucket_gives_the_originals_headers_and_metadata_and_no_others(
    store: FileStore,
) -> None:
    several_parts = b"m" * (17 << 20)
    store.put("plain")
    store.put(
        "a b/ä",
        ContentType="text/x-odd",
        CacheControl="max-age=3",
        Metadata={"owner": "7", "mtime": "1700000000.5"},
    )
    store.put("several/parts", body=several_parts, Metadata={"owner": "8"})
    store.put("one//by one", Metadata={"owner": "9", "mtime": "yesterday", "btime": "then"})
    manifest = store.back_up()
    store.direct.create_bucket(
        Bucket=f"{store.bucket}-to", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    address = BucketAddress(
        f"{store.bucket}-to", "eu-central-1", store.source.endpoint, store.source.access_key
    )
    restore_files(manifest, store.vault_client, BucketTarget.open_empty(address, vaults=[store.vault_client]))
    for key in ("plain", "a b/ä", "several/parts", "one//by one"):
        original, restored = (
            store.direct.get_object(Bucket=bucket, Key=key) for bucket in (store.bucket, address.bucket)
        )
        assert restored["Body"].read() == original["Body"].read()
        for header in ("ContentType", "CacheControl", "Metadata"):
            assert (key, restored.get(header)) == (key, original.get(header))
    with pytest.raises(Failure, match="is not empty"):
        BucketTarget.open_empty(address, vaults=[store.vault_client])


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_restored_files_can_be_read_by_their_user_alone(store: FileStore, tmp_path: Path, umask: int) -> None:
    store.put("cvs/2030/a.pdf", "odd//name", "b")
    manifest = store.back_up()
    before = os.umask(umask)
    try:
        folder = FolderTarget.open_empty(tmp_path / "new" / "to")
        restore_files(manifest, store.vault_client, folder)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder.path, *folder.path.rglob("*"))}
    assert {path.name for path in modes} >= {"to", store.bucket, "2030", "a.pdf", "odd-names.jsonl"}
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def test_files_are_never_restored_over_the_source_a_vault_or_other_files(
    store: FileStore, tmp_path: Path
) -> None:
    store.put("a")
    store.back_up()
    source = BucketAddress(store.bucket, "eu-central-1", store.source.endpoint, store.source.access_key)
    with pytest.raises(Failure, match="is not empty"):
        BucketTarget.open_empty(source, vaults=[store.vault_client])
    vault = BucketAddress(store.vault.bucket, "us-east-1", store.vault_client.endpoint)
    with pytest.raises(Failure, match="is a vault"):
        BucketTarget.open_empty(vault, vaults=[store.vault_client])
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Failure, match="is not empty: mine is in it"):
        FolderTarget.open_empty(tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_file_backup_of_a_moment_is_the_last_one_finished_by_then(store: FileStore) -> None:
    store.put("a")
    first, second = store.back_up(), store.back_up()
    backups = catalogue.read_backups(store.vault_client, FilesManifest, TRUST, store="files")
    assert [one.id for one in backups] == [second.id, first.id]
    assert catalogue.choose_backup(backups) == second
    assert catalogue.choose_backup(backups, at=first.snapshot_at) == first
    assert catalogue.choose_backup(backups, backup_id=first.id) == first
    with pytest.raises(Failure, match="There is no whole backup from"):
        catalogue.choose_backup(backups, at=first.started)
