"""
A backup of files compared with `rclone sync --checksum`, with 0, 1 and 100 % of the files changed.

Usage: `python bench/files.py [objects] [bytes of each] [rounds]`. Source and vault are two S3 servers of
rclone, so both contenders use the same servers. It prints medians of whole processes with their children, the
servers not counted. Beyond a sync, a backup records each object's SHA-256 and version, a listing and a
manifest. The commands of `./bulwark` load more modules than `files_once.py` does, which calls the same code.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from measurement import Figures, measure

HERE: Final = Path(__file__).resolve().parent
RCLONE: Final = Path(sys.executable).with_name("rclone")
SHARES: Final = (100, 0, 1)
_CACHED_SECONDS: Final = 1.5
"""Longer than the servers cache the listing of a folder."""


@contextmanager
def serve(folder: Path) -> Generator[str]:
    """Serve a folder by the S3 protocol; its subfolders are buckets. Yield the URL."""
    environment = {"HOME": str(folder), "RCLONE_CONFIG": "", "RCLONE_AUTH_KEY": '"bench,bench-secret"'}
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        arguments = [RCLONE, "serve", "s3", "--addr", "127.0.0.1:0", "--dir-cache-time", "1s", folder]
        process = subprocess.Popen(arguments, env=environment, stdout=output, stderr=output)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            time.sleep(0.02)
        yield found[0]
    finally:
        process.kill()
        process.wait()


def change(folder: Path, count: int, size: int, share: int) -> None:
    """Rewrite `share` percent of the objects."""
    for number in range(0, count if share else 0, 100 // max(share, 1)):
        path = folder / f"{number % 50:02}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    time.sleep(_CACHED_SECONDS)


def main(count: int = 5_000, size: int = 300, rounds: int = 3) -> None:
    """Measure and print a Markdown table."""
    results: dict[tuple[int, str], list[Figures]] = defaultdict(list)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as name:
            root = Path(name)
            documents = root / "source" / "documents"
            for bucket in (documents, root / "target" / "vault", root / "target" / "plain", root / "tmp"):
                bucket.mkdir(parents=True)
            with serve(root / "source") as source, serve(root / "target") as target:
                environment = environment_of(root, source, target)
                sides: dict[str, list[str | Path]] = {
                    "rclone sync": [
                        *(RCLONE, "sync", "source:documents", "target:plain"),
                        *("--checksum", "--transfers", "8", "--checkers", "16"),
                    ],
                    "backup": [sys.executable, HERE / "files_once.py", source, target],
                }
                for share in SHARES:
                    change(documents, count, size, share)
                    for side, arguments in sides.items():
                        results[share, side].append(measure([arguments], environment, root / "tmp"))
    rows = [
        "| changed | contender | wall | CPU | peak memory | CPU / rclone sync |",
        "|---|---|---|---|---|---|",
    ]
    for (share, side), runs in results.items():
        wall, cpu, memory = (
            statistics.median(getattr(run, field) for run in runs) for field in ("wall", "cpu", "memory")
        )
        ratio = statistics.median(
            mine.cpu / theirs.cpu for mine, theirs in zip(runs, results[share, "rclone sync"], strict=True)
        )
        rows.append(f"| {share} % | {side} | {wall:.2f} s | {cpu:.2f} s | {memory:.0f} MB | {ratio:.2f} |")
    sys.stdout.write("\n".join(rows) + "\n")


def environment_of(root: Path, source: str, target: str) -> dict[str, str]:
    """Return the environment of both contenders: rclone's remotes, and the project's modules."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "TMPDIR": str(root / "tmp"),
        "RCLONE_CONFIG": "",
        "PYTHONPATH": str(HERE.parent),
    }
    for remote, url in (("SOURCE", source), ("TARGET", target)):
        options = {
            "TYPE": "s3",
            "PROVIDER": "Rclone",
            "ENDPOINT": url,
            "ACCESS_KEY_ID": "bench",
            "SECRET_ACCESS_KEY": "bench-secret",
        }
        environment |= {f"RCLONE_CONFIG_{remote}_{name}": value for name, value in options.items()}
    return environment


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
