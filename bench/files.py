"""
A backup of files compared with `rclone sync --checksum`, with 0, 1 and 100 % of the files changed.

Usage: `python bench/files.py [objects] [rounds]`. Source and vault are two S3 servers that keep objects in
memory (`memory_store.py`), the same for both contenders. Above 20,000 objects both begin with what an earlier
run has left, because copying them all takes a server's time and nobody else's. It prints medians of whole
processes with their children, the servers not counted. Beyond a sync, a backup records each object's SHA-256
and version, a listing and a manifest.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bulwark_command import write_command, write_recovery_file
from measurement import Figures, measure, show
from memory_store import BODY, digest_of, key_of, version_of

from core import vault_layout
from recovery.files.manifest import BucketSummary, FileEntry, FilesManifest, format_line, store_listing
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

HERE: Final = Path(__file__).resolve().parent
RCLONE: Final = Path(sys.executable).with_name("rclone")
KEY: Final = AccessKey("bench", "bench-secret")
SYNC: Final = "rclone sync"
BACKUP: Final = "bulwark backup"
COPIED_AT_MOST: Final = 20_000
"""Objects that are copied in a first run; of more, both begin with the copies."""


@contextmanager
def serve(folder: Path, **counts: int) -> Generator[str]:
    """Serve buckets, each with a number of objects at first; yield the URL."""
    port = folder / f"port-{'-'.join(counts)}"
    arguments = [str(part) for bucket in counts.items() for part in bucket]
    process = subprocess.Popen([sys.executable, HERE / "memory_store.py", port, *arguments])
    try:
        while not port.exists() or not port.read_text():
            if process.poll() is not None:
                raise subprocess.CalledProcessError(process.returncode, process.args)
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port.read_text()}"
    finally:
        process.kill()
        process.wait()


def change(url: str, count: int, share: int) -> None:
    """Put other content into `share` percent of the source's objects."""
    connection = HTTPConnection(urlsplit(url).netloc)
    for number in range(0, count if share else 0, 100 // max(share, 1)):
        connection.request("PUT", f"/documents/{key_of(number)}", os.urandom(300))
        connection.getresponse().read()
    connection.close()


def leave_backup(url: str, count: int) -> None:
    """Put the listing and the manifest of an earlier backup of all objects into the vault."""
    vault = VaultClient(create_client("us-east-1", url, access_key=KEY), "vault", access_key=KEY)
    now = datetime.now(UTC)
    backup, etag = vault_layout.new_id(now), digest_of(BODY)
    lines = (
        format_line(
            FileEntry("documents", key_of(number), version_of(number), 1, "0" * 64, etag, 1, now, None)
        )
        for number in range(count)
    )
    listing = store_listing(vault, vault_layout.file_listing("files", backup), lines)
    manifest = FilesManifest(
        id=backup,
        store="files",
        stack="bench",
        started=now,
        snapshot_at=now,
        finished=now,
        tools={},
        buckets=(BucketSummary(name="documents", files=count, size=count),),
        copied=count,
        gone=0,
        altered=0,
        copies_locked_until=None,
        listing=listing.stored,
        listing_sha256=listing.sha256,
    )
    vault.put(manifest.key, manifest.model_dump_json().encode())


def main(count: int = 5_000, rounds: int = 3) -> None:
    """Measure and print."""
    results: dict[int, dict[str, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    begins_copied = count > COPIED_AT_MOST
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as name:
            root = Path(name)
            (root / "tmp").mkdir()
            held = count if begins_copied else 0
            with serve(root, documents=count) as source, serve(root, vault=held, plain=held) as target:
                if begins_copied:
                    leave_backup(target, count)
                write_file_stores(root / "recovery.yaml", source, target)
                environment = environment_of(root, source, target)
                sides: dict[str, list[str | Path]] = {
                    SYNC: [
                        *(RCLONE, "sync", "source:documents", "target:plain"),
                        *("--checksum", "--transfers", "8", "--checkers", "16"),
                    ],
                    BACKUP: [*write_command(root / "recovery.yaml", "backup", "--unattested")],
                }
                for share in (0, 1) if begins_copied else (100, 0, 1):
                    if share == 1:
                        change(source, count, share)
                    for side, arguments in sides.items():
                        results[share][side].append(measure([arguments], environment, root / "tmp"))
    for share, figures in results.items():
        goal = find_goal(count, share)
        goals = {} if goal is None else {(BACKUP, SYNC): goal}
        show(f"{count:,} files, {share} % changed, {rounds} rounds", figures, [SYNC], goals)


def find_goal(count: int, share: int) -> float | None:
    """Return the largest ratio to rclone's wall time that is good enough, of some numbers of objects."""
    whole, part = {5_000: (1.1, 1.5), 100_000: (1.05, 1.15)}.get(count, (None, None))
    return whole if share == 100 else part


def write_file_stores(path: Path, source: str, target: str) -> None:
    """Write the recovery file that names both servers."""
    key = {"access_key_id": {"env": "BENCH_KEY_ID"}, "secret_access_key": {"env": "BENCH_SECRET"}}
    server = {"region": "us-east-1", "credentials": key}
    write_recovery_file(
        path,
        "files",
        {"type": "s3", "endpoint": source, "buckets": ["documents"], **server},
        {"endpoint": target, "bucket": "vault", "accept_without_lock": True, **server},
    )


def environment_of(root: Path, source: str, target: str) -> dict[str, str]:
    """Return the environment of both contenders: rclone's remotes, and the project's modules."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "RCLONE_CONFIG": "",
        "PYTHONPATH": str(HERE.parent),
        "BENCH_KEY_ID": KEY.id,
        "BENCH_SECRET": KEY.secret,
    }
    for remote, url in (("SOURCE", source), ("TARGET", target)):
        options = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENDPOINT": url,
            "ACCESS_KEY_ID": KEY.id,
            "SECRET_ACCESS_KEY": KEY.secret,
        }
        environment |= {f"RCLONE_CONFIG_{remote}_{name}": value for name, value in options.items()}
    return environment


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
