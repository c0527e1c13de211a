"""
A backup of files compared with `rclone sync --checksum`, with 0, 1 and 100 % of the files changed.

Usage: `python bench/files.py [objects] [bytes of each] [rounds]`. Source and vault are two S3 servers of
rclone, so both contenders use the same servers. It prints medians of whole processes, and the peak memory of
a process with its children. Beyond a sync, a backup records each object's SHA-256 and version, a listing and
a manifest.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

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


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Return the seconds and the peak memory in bytes of a command with its children."""
    peak, ended = 0, threading.Event()
    begin = time.monotonic()
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, cwd=HERE.parent)

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.02):
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak = max(peak, sum(one.memory_info().rss for one in family))
            except psutil.Error:
                continue

    watching = threading.Thread(target=watch)
    watching.start()
    code = process.wait()
    seconds = time.monotonic() - begin
    ended.set()
    watching.join()
    if code:
        sys.exit(f"{arguments[0]} ended with {code}")
    return seconds, peak


def change(folder: Path, count: int, size: int, share: int) -> None:
    """Rewrite `share` percent of the objects."""
    for number in range(0, count if share else 0, 100 // max(share, 1)):
        path = folder / f"{number % 50:02}" / f"{number:07}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    time.sleep(_CACHED_SECONDS)


def main(count: int = 5_000, size: int = 20_000, rounds: int = 3) -> None:
    """Measure and print a Markdown table."""
    seconds: dict[tuple[int, str], list[float]] = defaultdict(list)
    memory: dict[tuple[int, str], int] = defaultdict(int)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as name:
            root = Path(name)
            documents = root / "source" / "documents"
            for bucket in (documents, root / "target" / "vault", root / "target" / "plain"):
                bucket.mkdir(parents=True)
            with serve(root / "source") as source, serve(root / "target") as target:
                environment = {
                    "PATH": os.environ["PATH"],
                    "HOME": name,
                    "RCLONE_CONFIG": "",
                    "PYTHONPATH": str(HERE.parent),
                }
                for remote, url in (("SOURCE", source), ("TARGET", target)):
                    environment |= {
                        f"RCLONE_CONFIG_{remote}_{key}": value
                        for key, value in {
                            "TYPE": "s3",
                            "PROVIDER": "Rclone",
                            "ENDPOINT": url,
                            "ACCESS_KEY_ID": "bench",
                            "SECRET_ACCESS_KEY": "bench-secret",
                        }.items()
                    }
                sides = {
                    "rclone sync": [
                        *(str(RCLONE), "sync", "source:documents", "target:plain"),
                        *("--checksum", "--transfers", "8", "--checkers", "16"),
                    ],
                    "backup": [sys.executable, str(HERE / "files_once.py"), source, target],
                }
                for share in SHARES:
                    change(documents, count, size, share)
                    for side, arguments in sides.items():
                        taken, peak = measure(arguments, environment)
                        seconds[share, side].append(taken)
                        memory[share, side] = max(memory[share, side], peak)
    rows = [
        "| changed | rclone sync | backup | ratio | peak memory, sync | backup |",
        "|---|---|---|---|---|---|",
    ]
    for share in SHARES:
        plain, ours = (statistics.median(seconds[share, side]) for side in ("rclone sync", "backup"))
        peaks = [f"{memory[share, side] >> 20} MiB" for side in ("rclone sync", "backup")]
        rows.append(
            f"| {share} % | {plain:.1f} s | {ours:.1f} s | {ours / plain:.2f} | {' | '.join(peaks)} |"
        )
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
