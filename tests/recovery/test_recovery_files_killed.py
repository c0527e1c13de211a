"""A backup or a restore of files that is killed: nothing false is reported, and the next one is whole."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from attesting import TRUST
from file_stores import FileStore, store
from s3_server import Fault, credentials

from core.failure import Failure
from recovery import catalogue
from recovery.files import copy
from recovery.files.manifest import FilesManifest
from recovery.files.restore import find_differences, restore_files
from recovery.files.target import BucketAddress, BucketTarget, FolderTarget
from recovery.files.verify import verify_files
from recovery.postgres import disk_space

__all__ = ["store"]

MANY = [f"f{number:02}" for number in range(8)]
LEASE_SECONDS = 2
VAULT_CLOCK_SECONDS = 1
"""The vault tells its time in whole seconds: a lease may seem to be held for so much longer."""
_PRELUDE = """
import sys, tempfile
from datetime import timedelta
from pathlib import Path
from attesting import SIGN, TRUST
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.files import backup, copy
from recovery.files.manifest import FilesManifest
from recovery.files.restore import restore_files
from recovery.files.source import FileSource
from recovery.files.target import BucketAddress, BucketTarget, FolderTarget
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

copy._SHARED_MEMORY = Path({memory!r})
key = AccessKey({key_id!r}, {secret!r})
source = FileSource({source!r}, "eu-central-1", ({bucket!r},), key)
vault = VaultClient(create_client("us-east-1", {vault!r}), {vault_bucket!r})
"""
_BACKUP = """
context = RecoveryContext("test", {"primary": vault}, {}, {}, TRUST, SIGN, files=source, store="files")
backup._BATCH_OBJECTS = 3
backup.back_up_files(context, period=timedelta(seconds=%d))
"""
_RESTORE = """
manifest = catalogue.read_newest(vault, FilesManifest, TRUST, "files").manifest
address = BucketAddress(sys.argv[2], "eu-central-1", source.endpoint, key)
if sys.argv[2]:
    to = BucketTarget.open_empty(address, vaults=[])
else:
    to = FolderTarget.open_empty(Path(sys.argv[1]))
restore_files(manifest, vault, to, workers=2)
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with temporary files of the runs, in `disk` and `memory`."""
    for name in ("disk", "memory"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    monkeypatch.setattr(copy, "_SHARED_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(disk_space, "_UNLOCKED_SECONDS", 0)
    return tmp_path


def count_requests(store: FileStore) -> int:
    return len(store.proxy.recorded) + len(store.vault.proxy.recorded)


def run_until_killed(store: FileStore, folders: Path, program: str, requests: int, *arguments: str) -> bool:
    """Kill a run after a number of requests; return whether it came to its end before."""
    text = textwrap.dedent(_PRELUDE).format(
        memory=str(folders / "memory"),
        key_id=store.source.access_key.id,
        secret=store.source.access_key.secret,
        source=store.proxy.url,
        bucket=store.bucket,
        vault=store.vault.proxy.url,
        vault_bucket=store.vault.bucket,
    )
    before = count_requests(store)
    environment = credentials() | {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "TMPDIR": str(folders / "disk"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", text + program, *arguments], env=environment, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and count_requests(store) - before < requests:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    if process.returncode == -signal.SIGKILL:
        return False
    assert process.returncode == 0
    return True


def await_no_rclone(bucket: str) -> None:
    """Wait until no process of a killed run goes on."""
    deadline = time.monotonic() + 15
    while any(bucket in " ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < deadline, "rclone outlives the run that has started it"
        time.sleep(0.05)


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("requests", range(1, 101, 2))
def test_a_backup_of_files_that_is_killed_reports_nothing_false_and_the_next_leaves_nothing(
    store: FileStore, folders: Path, requests: int
) -> None:
    store.put("kept")
    first = store.back_up()
    store.put(*MANY)
    store.put("with/rclone", body=b"m" * (9 << 20))
    store.put("by//hand", body=b"h" * (17 << 20))
    ended = run_until_killed(store, folders, _BACKUP % LEASE_SECONDS, requests)
    await_no_rclone(store.bucket)
    listed = catalogue.read_backups(store.vault_client, FilesManifest, TRUST, store="files")
    assert [one.id for one in listed][-1] == first.id
    assert len(listed) == 2 if ended else len(listed) <= 2
    for one in listed:
        assert one.manifest
        assert verify_files(one.manifest, store.vault_client, deep=True).passed
    time.sleep(LEASE_SECONDS + VAULT_CLOCK_SECONDS)
    manifest = store.back_up()
    assert manifest.files == len(MANY) + 3
    assert verify_files(manifest, store.vault_client, deep=True).passed
    assert store.vault.count_unfinished_uploads() == 0
    assert [path.name for name in ("disk", "memory") for path in (folders / name).glob("bulwark-*")] == []


@pytest.mark.matrix(sample=1, per=lambda into, **_: into)
@pytest.mark.parametrize("into", ["folder", "bucket"])
@pytest.mark.parametrize("requests", range(1, 51, 2))
def test_a_restore_of_files_that_is_killed_is_marked_and_the_next_begins_anew(
    store: FileStore, folders: Path, requests: int, into: str
) -> None:
    store.put(*MANY, "a//b", "d/e")
    store.put("large", body=b"m" * (17 << 20))
    manifest = store.back_up()
    bucket = f"{store.bucket}-to" if into == "bucket" else ""
    address = BucketAddress(bucket, "eu-central-1", store.source.endpoint, store.source.access_key)
    if bucket:
        store.direct.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    folder = folders / "to"
    ended = run_until_killed(store, folders, _RESTORE, requests, str(folder), bucket)
    if bucket:
        keys = [entry["Key"] for entry in store.direct.list_objects_v2(Bucket=bucket).get("Contents", [])]
        assert not keys or ("unfinished-restore" in keys) != ended
        if not ended and (not keys or "unfinished-restore" in keys):
            restore_files(manifest, store.vault_client, BucketTarget.open_empty(address, vaults=[]))
        keys = [entry["Key"] for entry in store.direct.list_objects_v2(Bucket=bucket)["Contents"]]
        assert sorted(keys) == sorted(store.items(manifest))
        return
    marked = (folder / "unfinished-restore").exists()
    there = list(folder.iterdir()) if folder.exists() else []
    assert marked != ended or not there
    if marked or not there:
        restore_files(manifest, store.vault_client, FolderTarget.open_empty(folder))
    with (folders / "lock").open("ab") as lock:
        target = FolderTarget(folder, lock)
        assert list(find_differences(manifest, store.vault_client, target)) == []
    assert not (folder / "unfinished-restore").exists()


def test_two_restores_do_not_write_into_one_folder(store: FileStore, tmp_path: Path) -> None:
    store.put("a")
    manifest = store.back_up()
    first = FolderTarget.open_empty(tmp_path / "to")
    with pytest.raises(Failure, match="Another restore writes into the folder"):
        FolderTarget.open_empty(tmp_path / "to")
    restore_files(manifest, store.vault_client, first)
    with pytest.raises(Failure, match="is not empty"):
        FolderTarget.open_empty(tmp_path / "to")


def test_a_restore_of_files_that_fails_is_marked_and_the_next_begins_anew(
    store: FileStore, tmp_path: Path
) -> None:
    store.put("a", "b")
    manifest = store.back_up()
    store.vault.proxy.faults.append(Fault("GET", f"{store.bucket}/b", times=9, answer=(403, "AccessDenied")))
    with pytest.raises(Failure, match="the credentials may not do this"):
        restore_files(manifest, store.vault_client, FolderTarget.open_empty(tmp_path / "to"))
    assert (tmp_path / "to" / "unfinished-restore").exists()
    store.vault.proxy.faults.clear()
    target = FolderTarget.open_empty(tmp_path / "to")
    restore_files(manifest, store.vault_client, target)
    assert list(find_differences(manifest, store.vault_client, target)) == []
