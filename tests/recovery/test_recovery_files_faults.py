"""A backup of the files is whole or is none, and what is wrong with one is found and named."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from file_stores import Store, store
from s3_server import Fault, credentials

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.files import backup, copy
from recovery.files.index import Index
from recovery.files.manifest import FileEntry, FilesManifest, items
from recovery.files.restore import restore_files
from recovery.files.source import Listed, Source
from recovery.files.target import FolderTarget
from recovery.files.verify import verify_files
from recovery.vault.lease import leased

__all__ = ["store"]

MANY = [f"f{number:02}" for number in range(12)]
BRIEFLY = timedelta(seconds=3)


def backups(store: Store) -> list[str]:
    return [one.id for one in catalogue.list_backups(store.vault, FilesManifest)]


def test_what_a_killed_run_has_copied_is_not_copied_again(store: Store) -> None:
    store.put("kept")
    first = store.back_up()
    store.put(*MANY)
    program = textwrap.dedent(f"""
        from datetime import timedelta
        from recovery.files import run
        from recovery.files.backup import back_up_files
        from recovery.files.source import Source
        from recovery.context import Site
        from recovery.vault.client import AccessKey, client
        from recovery.vault.vault import Vault

        run._BATCH_OBJECTS = 4
        source = Source({store.proxy.url!r}, "eu-central-1", ({store.bucket!r},), AccessKey(
            {store.source.key.id!r}, {store.source.key.secret!r}))
        vault = Vault(client("us-east-1", {store.place.proxy.url!r}), {store.place.bucket!r})
        site = Site("s", "", {{"primary": vault}}, {{}}, {{}}, files=source)
        back_up_files(site, period=timedelta(seconds=3))
    """)
    # The second batch stands still.
    store.proxy.faults.append(Fault("GET", "f05", times=9, answer=(503, "SlowDown")))
    with subprocess.Popen(
        [sys.executable, "-c", program], env=credentials() | {"PATH": os.defpath}
    ) as killed:
        deadline = time.monotonic() + 120
        while not any("copied-" in key for key in set(store.place.keys()) if first.id not in key):
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    assert backups(store) == [first.id]
    store.proxy.faults.clear()
    time.sleep(BRIEFLY.total_seconds())
    second = store.back_up()
    assert (second.files, second.copied) == (13, 8)
    assert len(store.versions("f00")) == 1
    assert verify_files(second, store.vault, deep=True).good
    assert verify_files(first, store.vault, deep=True).good


def test_a_second_run_is_refused_while_one_is_at_work_and_not_after(store: Store) -> None:
    store.put("a")
    with leased(store.vault, vault_layout.FILE_LEASE, "backup of the files"):
        with pytest.raises(Failure, match="Another backup of the files is running"):
            store.back_up()
        assert backups(store) == []
    assert store.back_up().copied == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "list-type=2", answer=(503, "SlowDown")),
        Fault("GET", "f03", times=2, answer=(503, "SlowDown")),
        Fault("GET", "f03", cut_answer=1),
    ],
    ids=["listing", "reading", "cut"],
)
def test_a_source_that_fails_now_and_then_is_lived_through(store: Store, fault: Fault) -> None:
    store.put(*MANY)
    store.proxy.faults.append(fault)
    manifest = store.back_up()
    assert manifest.files == len(MANY)
    assert verify_files(manifest, store.vault, deep=True).good


def test_a_vault_that_fails_now_and_then_is_lived_through(store: Store) -> None:
    store.put(*MANY)
    store.place.proxy.faults += [
        Fault("PUT", "/files/objects/", times=2, answer=(503, "SlowDown")),
        Fault("GET", "versions", answer=(503, "SlowDown")),
    ]
    manifest = store.back_up()
    assert verify_files(manifest, store.vault, deep=True).good


def test_whoever_may_not_read_the_vault_copies_by_rclone_all_the_same(store: Store) -> None:
    # As the role that writes backups is answered at AWS, whether or not there is such an object.
    store.place.proxy.faults.append(
        Fault("HEAD", query="files/objects/", times=1_000, answer=(403, "Forbidden"))
    )
    store.put("first", "second/third")
    for body in (b"one", b"another"):
        store.put("first", body=body)
        assert store.back_up().copied
    by = {
        headers["user-agent"].split("/")[0] for headers in store.place.proxy.requests("PUT", "files/objects/")
    }
    assert by == {"rclone"}


def test_what_keeps_rclone_from_copying_is_said_and_the_files_are_copied_one_by_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = copy._environment  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - spoiled here
    monkeypatch.setattr(
        copy, "_environment", lambda *of: environment(*of) | {"RCLONE_CONFIG_HASHED_TYPE": "nothing"}
    )
    store.put("a", "b")
    assert store.back_up().copied == 2
    said = capsys.readouterr().out
    assert "copied one by one" in said
    assert 'find backend called "nothing"' in said


def test_a_bucket_that_is_not_there_is_no_empty_bucket(store: Store) -> None:
    store.put("a")
    first = store.back_up()
    gone = Source(store.source.endpoint, "eu-central-1", ("no-such-bucket",), store.source.key)
    store.source = gone
    with pytest.raises(Failure, match="there is no such bucket") as raised:
        store.back_up()
    assert "bulwark:files.buckets" in str(raised.value)
    assert backups(store) == [first.id]


def test_a_source_that_lists_almost_nothing_is_not_believed(store: Store) -> None:
    store.put(*MANY)
    first = store.back_up()
    store.remove(*MANY[:7])
    with pytest.raises(Failure, match="lists 7 of the 12 objects of its last backup no more"):
        store.back_up()
    assert backups(store) == [first.id]
    second = store.back_up(accept_gone=True)
    assert (second.files, second.gone) == (5, 7)
    assert verify_files(first, store.vault, deep=True).good


def test_what_the_source_hands_out_other_than_it_lists_is_kept_and_said(store: Store, tmp_path: Path) -> None:
    """Supabase rewrites HTML on its way: neither size nor checksum are those of its listing."""
    store.put("page.html", "plain")
    store.proxy.faults.append(Fault("GET", "page.html", times=99, shorten_answer=4))
    manifest = store.back_up()
    item = store.items(manifest)["page.html"]
    assert (item.altered, item.bytes, item.listed, manifest.altered) == (True, 4, 9, 1)
    assert not store.items(manifest)["plain"].altered
    assert "1 as handed out and not as listed" in manifest.holds
    assert verify_files(manifest, store.vault, deep=True).good
    restore_files(manifest, store.vault, FolderTarget.empty(tmp_path / "to"))
    assert (tmp_path / "to" / store.bucket / "page.html").read_bytes() == b"page"
    assert store.back_up().copied == 0


def test_an_object_that_changes_while_it_is_copied_is_copied_as_it_is_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("moving", "vanishing", "still")
    look = backup.BackupRun.look

    def then_change(self: backup.BackupRun, *, accept_gone: bool) -> None:
        look(self, accept_gone=accept_gone)
        store.put("moving", body=b"has moved")
        store.remove("vanishing")

    monkeypatch.setattr(backup.BackupRun, "look", then_change)
    manifest = store.back_up()
    monkeypatch.undo()
    found = store.items(manifest)
    assert sorted(found) == ["moving", "still"]
    assert store.content(found["moving"]) == b"has moved"
    assert not found["moving"].altered
    assert store.back_up().copied == 0


def test_damage_in_the_vault_is_found_and_named(store: Store, tmp_path: Path) -> None:
    store.put("missing", "replaced", "fine")
    manifest = store.back_up()
    found = store.items(manifest)
    raw, bucket = store.place.raw, store.place.bucket
    raw.delete_object(
        Bucket=bucket,
        Key=found["missing"].place,
        VersionId=found["missing"].version,
        BypassGovernanceRetention=True,
    )
    raw.put_object(Bucket=bucket, Key=found["replaced"].place, Body=b"other", ChecksumAlgorithm="SHA256")
    for deep in (False, True):
        look = verify_files(manifest, store.vault, deep=deep)
        assert look.problems
        assert all(found["missing"].place in problem for problem in look.problems)
    with pytest.raises(Failure, match="missing"):
        restore_files(manifest, store.vault, FolderTarget.empty(tmp_path / "to"))
    # What was put over a copy hides nothing, and the next run repairs both.
    again = store.back_up()
    assert again.copied == 2
    assert verify_files(again, store.vault, deep=True).good


def test_an_edited_manifest_or_listing_is_found(store: Store) -> None:
    store.put("a", "b")
    manifest = store.back_up()
    raw, bucket = store.place.raw, store.place.bucket
    shorter = manifest.model_copy(update={"buckets": ()})
    with pytest.raises(Failure, match="is not the one that its manifest speaks of"):
        list(items(shorter, store.vault))
    raw.put_object(
        Bucket=bucket, Key=manifest.key, Body=shorter.model_dump_json().encode(), ChecksumAlgorithm="SHA256"
    )
    [look] = [
        verify_files(one.manifest, store.vault)
        for one in catalogue.read_backups(store.vault, FilesManifest)
        if one.manifest
    ]
    assert any("has 2 versions" in problem for problem in look.problems)


def test_a_truncated_copy_is_found_by_its_size_and_by_its_hash(store: Store) -> None:
    store.put("a", body=b"x" * 5000)
    manifest = store.back_up()
    store.place.proxy.faults.append(Fault("GET", "/files/objects/", shorten_answer=10))
    look = verify_files(manifest, store.vault, deep=True)
    assert any(f"files/objects/{store.bucket}/a" in problem for problem in look.problems)


def test_no_key_of_the_store_is_in_what_is_said_or_written(store: Store) -> None:
    store.put("a")
    store.proxy.faults.append(Fault("*", times=99, answer=(403, "InvalidAccessKeyId")))
    with pytest.raises(Failure, match="the access key is not accepted") as raised:
        store.back_up()
    assert store.source.key.secret not in str(raised.value)
    assert store.source.key.id not in str(raised.value)
    assert store.source.key.secret not in repr(store.source)


def test_a_copy_is_made_again_while_its_lock_still_holds(tmp_path: Path) -> None:
    lock, now = timedelta(days=30), datetime.now(UTC)
    ledger = Index(tmp_path / "ledger", lock)

    def known(key: str, left: timedelta | None) -> None:
        listed = Listed("b", key, 1, "e", now)
        ledger.list_source([listed])
        ledger.hold([(vault_layout.file_copy("b", key), "v")])
        until = now + left if left is not None else None
        ledger.know([FileEntry("b", key, "v", 1, "0" * 64, "e", 1, now, until)])

    for number in range(100):
        known(f"new-{number}", timedelta(days=21))
        known(f"middle-{number}", timedelta(days=15))
        known(f"old-{number}", timedelta(days=9))
    known("unlocked", None)
    stale = [one.key for one in ledger.next_stale("b", "", 1000, 1 << 30)]
    assert sum(key.startswith("old") for key in stale) == 100
    assert not any(key.startswith(("new", "unlocked")) for key in stale)
    assert 20 < sum(key.startswith("middle") for key in stale) < 80
    ledger.close()


def test_work_of_a_run_grows_with_its_objects_and_not_with_their_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, opened, now = sqlite3.connect, list[sqlite3.Connection](), datetime.now(UTC)

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connected)

    def steps(objects: int) -> int:
        """Count the hundreds of SQLite's steps that a run's questions take, when nothing has changed."""
        counted, names = 0, [f"{number:06}" for number in range(objects)]

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        with closing(Index(tmp_path / f"ledger-{objects}", None)) as ledger:
            ledger.list_source(Listed("b", name, 1, "e", now) for name in names)
            ledger.hold((vault_layout.file_copy("b", name), "v") for name in names)
            ledger.know(FileEntry("b", name, "v", 1, "0" * 64, "e", 1, now, None) for name in names)
            opened[-1].set_progress_handler(count, 100)
            assert not list(ledger.gone())
            assert not ledger.next_stale("b", "", 1000, 1 << 30)
            assert ledger.stale().objects == ledger.missing("b") == 0
            assert ledger.total("b").objects == len(list(ledger.items())) == objects
        return counted

    assert steps(4_000) < 6 * steps(1_000)
