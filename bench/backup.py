"""
A database's backup and its way back, beside what a person would type instead.

`python bench/backup.py [scale] [rounds]` fills a database with pgbench (scale 75 is 1.1 GB; 15 MB a unit),
serves a folder with `rclone serve s3`, and runs all in turn on the same two; medians, as whole processes, the
servers apart. `python bench/backup.py memory` backs up 100 MB, 1 GB and 10 GB once each.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import psycopg
from measuring import Figures, Pipeline, compared, measured, show, size_of
from rich.console import Console
from rich.table import Table

from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from twin.host.home import TwinHome

sys.path.append(str(Path(__file__).parents[1] / "tests" / "recovery"))

from s3_server import KEY_ID, RCLONE, SECRET, rclone_server

BUCKET: Final = "vault"
MEGABYTES_PER_SCALE: Final = 15
OURS: Final = (sys.executable, str(Path(__file__).with_name("backup_once.py")))


@dataclass(frozen=True)
class Place:
    """A full database, an S3 server, and a folder to work in."""

    cluster: Cluster
    password: str
    endpoint: str
    folder: Path
    stored: Path
    """What the S3 server has."""

    @property
    def environment(self) -> dict[str, str]:
        """Everything that any of the commands needs, nothing in an argument."""
        return {
            "PATH": f"{self.cluster.installation().root / 'bin'}:{RCLONE.parent}:{os.defpath}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.cluster.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.password,
            "BENCH_URL": self.url("bench"),
            "BENCH_TARGET": self.url("target"),
            "BENCH_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "RCLONE_CONFIG": "",
            "RCLONE_CONFIG_S_TYPE": "s3",
            "RCLONE_CONFIG_S_PROVIDER": "Rclone",
            "RCLONE_CONFIG_S_ENDPOINT": self.endpoint,
            "RCLONE_CONFIG_S_ACCESS_KEY_ID": KEY_ID,
            "RCLONE_CONFIG_S_SECRET_ACCESS_KEY": SECRET,
        }

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.cluster.port}/{database}?sslmode=disable"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def run(self, *pipelines: Pipeline, target: bool = False) -> Figures:
        """Run pipelines one after the other, in an empty folder, with an empty target if it is asked for."""
        if target:
            self.execute("DROP DATABASE IF EXISTS target WITH (FORCE)")
            self.execute("CREATE DATABASE target TEMPLATE template0")
        self.execute("CHECKPOINT")
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            environment = self.environment | {"TMPDIR": temporary}
            first, *rest = (measured(pipeline, environment, Path(temporary)) for pipeline in pipelines)
            return sum(rest, first)


@contextmanager
def place() -> Generator[Place]:
    """Start the servers; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bulwark-bench-"))
    folder.chmod(0o711)
    home, password = TwinHome(folder / "twin"), token_urlsafe()
    home.create()
    cluster = Cluster(home.postgres / "bench", home.port("bench"))
    stored = folder / "buckets"
    (stored / BUCKET).mkdir(parents=True)
    (folder / "work").mkdir()
    try:
        cluster.create(password)
        cluster.start()
        with rclone_server(stored) as endpoint:
            yield Place(cluster, password, endpoint, folder / "work", stored)
    finally:
        cluster.destroy()
        shutil.rmtree(folder)


def fill(where: Place, scale: int) -> None:
    """Make the database `bench` anew, with pgbench's tables at `scale`."""
    where.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    where.execute("CREATE DATABASE bench TEMPLATE template0")
    subprocess.run(
        ["pgbench", "--initialize", "--quiet", f"--scale={scale}", "bench"],
        env=where.environment,
        check=True,
        stderr=subprocess.DEVNULL,
    )


def backups(where: Place) -> dict[str, Callable[[], Figures]]:
    upload = ("rclone", "rcat", f"S:{BUCKET}/plain")
    return {
        "bulwark": lambda: where.run([[*OURS, "backup"]]),
        "bulwark, without digests": lambda: where.run([[*OURS, "dump"]]),
        "pg_dump -Fc | upload": lambda: where.run([["pg_dump", "-Fc", "bench"], upload]),
        "pg_dump -Fc -Z1 | upload": lambda: where.run([["pg_dump", "-Fc", "-Z1", "bench"], upload]),
        "pg_dump -Fc to a file, then upload": lambda: where.run(
            [["pg_dump", "-Fc", "-f", "dump", "bench"]], [["rclone", "copyto", "dump", f"S:{BUCKET}/file"]]
        ),
        "pg_dump -Fd -j2, then sync": lambda: where.run(
            [["pg_dump", "-Fd", "-j2", "-f", "dump", "bench"]],
            [["rclone", "sync", "dump", f"S:{BUCKET}/folder"]],
        ),
    }


def restores(where: Place) -> dict[str, Callable[[], Figures]]:
    local = where.folder / "plain.dump"
    restore = ["pg_restore", "-j2", "-d", "target", str(local)]
    fetch = ["rclone", "copyto", f"S:{BUCKET}/plain", str(local)]
    return {
        "bulwark, restored and verified": lambda: where.run([[*OURS, "verify"]], target=True),
        "bulwark, restored": lambda: where.run([[*OURS, "restore"]], target=True),
        "download, then pg_restore -j2": lambda: where.run([fetch], [restore], target=True),
        "pg_restore -j2 of a local file": lambda: where.run([restore], target=True),
    }


def compare(scale: int, rounds: int) -> None:
    with place() as where:
        fill(where, scale)
        title = f"pgbench, scale {scale}, {rounds} rounds"
        plain = "pg_dump -Fc | upload"
        show(f"Backup: {title}", compared(backups(where), rounds), [plain, "pg_dump -Fc -Z1 | upload"])
        sizes = {
            path.name: size_of(path) if path.is_dir() else path.stat().st_size
            for path in (where.stored / BUCKET).iterdir()
        }
        dumps = [path.stat().st_size for path in where.stored.rglob("*.zst")]
        Console().print(
            f"Bytes stored: bulwark {dumps[-1]:,}; "
            + "; ".join(
                f"{name} {size:,}" for name, size in sizes.items() if name in {"plain", "file", "folder"}
            )
        )
        show(
            f"Restore: {title}",
            compared(restores(where), rounds),
            ["download, then pg_restore -j2", "pg_restore -j2 of a local file"],
        )


def memory() -> None:
    table = Table("database", "wall", "memory", "temporary disk", title="bulwark backup")
    with place() as where:
        for megabytes in (100, 1_000, 10_000):
            fill(where, -(-megabytes // MEGABYTES_PER_SCALE))
            found = backups(where)["bulwark"]()
            table.add_row(
                f"{megabytes:,} MB", f"{found.wall:.1f} s", f"{found.memory:.0f} MB", f"{found.disk:.0f} MB"
            )
    Console().print(table)


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        memory()
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        compare(*numbers, *(75, 3)[len(numbers) :])
