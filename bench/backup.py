"""
Backup and restore of a database, compared with the commands that a person would type.

`python bench/backup.py [scale] [rounds]` fills a database with pgbench (15 MB per unit of scale, so 75 is
1.1 GB), serves a folder with `rclone serve s3`, and runs all contenders in turn on both. It prints medians
of whole processes without the servers. `python bench/backup.py costs` backs up 100 MB, 1 GB and 10 GB once,
and prints what an hourly schedule pays for. `python bench/backup.py large [gigabytes] [rounds]` compares with
`pg_dump -Fd -j2` and `pg_restore -j2`, on a database with 80 % in one table; by default 10 GB, once, after a
round that is not counted.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import psutil
import psycopg
from bulwark_command import write_command, write_recovery_file
from measurement import (
    Figures,
    Pipeline,
    disk_bytes,
    empty_archive,
    measure,
    run_in_turn,
    show,
    write_beside_goal,
)
from psycopg import sql
from rich.console import Console
from rich.table import Table

from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from recovery.manifest import Manifest
from twin.host.home import TwinHome

sys.path.append(str(Path(__file__).parents[1] / "tests" / "recovery"))

from s3_server import KEY_ID, RCLONE, SECRET, rclone_server

BUCKET: Final = "vault"
MEGABYTES_PER_SCALE: Final = 15
LARGE_SCALE: Final = 75
"""From here on the ratio has a goal; at scale 1 the seconds have one, which do not depend on the size."""

SMALL_TABLES: Final = 8
"""Tables that share the fifth of a database beside its largest table."""

PLAIN: Final = "pg_dump -Fc | upload"
PARALLEL: Final = "pg_dump -Fd -j2, then sync"
LOCAL: Final = "pg_restore -j2 of a local file"
RESTORED: Final = "bulwark, restored and compared"


@dataclass(frozen=True)
class Servers:
    """A server with a full database, an S3 server, and a working folder."""

    cluster: Cluster
    password: str
    endpoint: str
    folder: Path
    stored: Path
    """The folder that the S3 server serves."""

    recovery: Path
    """The recovery file that names the database and the bucket."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of all commands. It has the credentials, so that no argument has any."""
        return {
            "PATH": f"{self.cluster.find_installation().root / 'bin'}:{RCLONE.parent}:{os.defpath}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.cluster.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.password,
            "BULWARK_RESTORE_PASSWORD": self.password,
            HOME_VARIABLE: str(self.folder.parent / "twin"),
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
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.cluster.port}/{database}?sslmode=disable"

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.url(database), password=self.password, autocommit=True)

    def bulwark(self, command: str, *options: str) -> list[str]:
        return write_command(self.recovery, command, *options)

    def execute(self, statement: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement.encode())

    def run(self, *pipelines: Pipeline, target: bool = False) -> Figures:
        """Run pipelines in sequence in an empty folder; with `target`, recreate the target database first."""
        if target:
            self.execute("DROP DATABASE IF EXISTS target WITH (FORCE)")
            self.execute("CREATE DATABASE target TEMPLATE template0")
        self.execute("CHECKPOINT")
        empty_archive(self.cluster)  # nothing is restored from it
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            environment = self.environment | {"TMPDIR": temporary}
            first, *rest = (measure(pipeline, environment, Path(temporary)) for pipeline in pipelines)
            return sum(rest, first)


@contextmanager
def start_servers() -> Generator[Servers]:
    """Start the servers; stop them and remove their data afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bulwark-bench-"))
    folder.chmod(0o711)
    recovery = folder / "recovery.yaml"
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
            servers = Servers(cluster, password, endpoint, folder / "work", stored, recovery)
            write_recovery_file(
                recovery,
                "database",
                {"type": "postgres", "url": servers.url("bench"), "password": {"env": "PGPASSWORD"}},
                # The S3 server has neither versions nor locks.
                {
                    "bucket": BUCKET,
                    "region": "us-east-1",
                    "endpoint": endpoint,
                    "accept_without_versions": True,
                    "accept_without_lock": True,
                },
            )
            yield servers
    finally:
        cluster.destroy()
        shutil.rmtree(folder)


def fill(servers: Servers, scale: int) -> None:
    """Recreate the database `bench` with pgbench's tables at `scale`."""
    servers.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    servers.execute("CREATE DATABASE bench TEMPLATE template0")
    subprocess.run(
        ["pgbench", "--initialize", "--quiet", f"--scale={scale}", "bench"],
        env=servers.environment,
        check=True,
        stderr=subprocess.DEVNULL,
    )


def fill_unevenly(servers: Servers, megabytes: int) -> None:
    """Recreate the database `bench` with four fifths of it in one table."""
    fill(servers, megabytes * 4 // (5 * MEGABYTES_PER_SCALE))
    with servers.connect("bench") as connection:
        for number in range(SMALL_TABLES):
            table = sql.Identifier(f"small_{number}")
            connection.execute(
                sql.SQL("CREATE TABLE {} AS SELECT * FROM pgbench_accounts WHERE aid % {} = {}").format(
                    table, 4 * SMALL_TABLES, number
                )
            )
            connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (aid)").format(table))
        connection.execute("VACUUM ANALYZE")


def backups(servers: Servers) -> dict[str, Callable[[], Figures]]:
    upload = ("rclone", "rcat", f"S:{BUCKET}/plain")
    return {
        "bulwark": lambda: servers.run([servers.bulwark("backup", "--unattested")]),
        PLAIN: lambda: servers.run([["pg_dump", "-Fc", "bench"], upload]),
        "pg_dump -Fc -Z1 | upload": lambda: servers.run([["pg_dump", "-Fc", "-Z1", "bench"], upload]),
        "pg_dump -Fc to a file, then upload": lambda: servers.run(
            [["pg_dump", "-Fc", "-f", "dump", "bench"]], [["rclone", "copyto", "dump", f"S:{BUCKET}/file"]]
        ),
        PARALLEL: lambda: servers.run(
            [["pg_dump", "-Fd", "-j2", "-f", "dump", "bench"]],
            [["rclone", "sync", "dump", f"S:{BUCKET}/folder"]],
        ),
    }


def restores(servers: Servers) -> dict[str, Callable[[], Figures]]:
    local = servers.folder / "plain.dump"
    restore = ["pg_restore", "-j2", "-d", "target"]
    fetch = ["rclone", "copyto", f"S:{BUCKET}/plain"]
    servers.run([[*fetch, str(local)]])
    return {
        "bulwark verify --deep, on a server of its own": lambda: servers.run(
            [servers.bulwark("verify", "--deep")]
        ),
        RESTORED: lambda: servers.run(
            [servers.bulwark("restore", "--to", servers.url("target"))], target=True
        ),
        "download, then pg_restore -j2": lambda: servers.run(
            [[*fetch, "plain.dump"]], [[*restore, "plain.dump"]], target=True
        ),
        LOCAL: lambda: servers.run([[*restore, str(local)]], target=True),
    }


def compare(scale: int, rounds: int) -> None:
    with start_servers() as servers:
        fill(servers, scale)
        title = f"pgbench, scale {scale}, {rounds} rounds"
        figures = run_in_turn(backups(servers), rounds)
        goals = {("bulwark", PLAIN): 1.15} if scale >= LARGE_SCALE else {}
        show(f"Backup: {title}", figures, [PLAIN, "pg_dump -Fc -Z1 | upload"], goals)
        more = statistics.median(
            mine.wall - plain.wall for mine, plain in zip(figures["bulwark"], figures[PLAIN], strict=True)
        )
        goal = None if scale > 1 else 0.4
        Console().print(f"bulwark takes {write_beside_goal(f'{more:.2f} s', goal)} more than {PLAIN}")
        sizes = {
            path.name: disk_bytes(path) if path.is_dir() else path.stat().st_size
            for path in (servers.stored / BUCKET).iterdir()
        }
        largest = max(path.stat().st_size for path in servers.stored.rglob("*.zst"))
        Console().print(
            f"Bytes stored: bulwark {largest:,}; "
            + "; ".join(
                f"{name} {size:,}" for name, size in sizes.items() if name in {"plain", "file", "folder"}
            )
        )
        show(
            f"Restore: {title}",
            run_in_turn(restores(servers), rounds),
            ["download, then pg_restore -j2", LOCAL],
        )


def compare_uneven(gigabytes: int, rounds: int) -> None:
    with start_servers() as servers:
        fill_unevenly(servers, 1_000 * gigabytes)
        title = f"{gigabytes} GB with one table of 80 %, {rounds} rounds"
        chosen = ("bulwark", PARALLEL)
        contenders = {name: run for name, run in backups(servers).items() if name in chosen}
        show(f"Backup: {title}", run_in_turn(contenders, rounds), [PARALLEL], {("bulwark", PARALLEL): 0.9})
        servers.run([["pg_dump", "-Fc", "-Z1", "bench"], ["rclone", "rcat", f"S:{BUCKET}/plain"]])
        contenders = {name: run for name, run in restores(servers).items() if name in {RESTORED, LOCAL}}
        show(f"Restore: {title}", run_in_turn(contenders, rounds), [LOCAL], {(RESTORED, LOCAL): 0.9})


def costs() -> None:
    """Print what one backup costs by the size of the database, and so what an hourly schedule pays for."""
    table = Table(
        *("database", "wall", "memory", "temporary disk", "CPU of the server"),
        *("sent by the server", "stored"),
        title="bulwark backup",
    )
    with start_servers() as servers:
        for megabytes in (100, 1_000, 10_000):
            fill(servers, -(-megabytes // MEGABYTES_PER_SCALE))
            before = server_cpu_seconds(servers.cluster)
            found = backups(servers)["bulwark"]()
            cpu = server_cpu_seconds(servers.cluster) - before
            newest = max(servers.stored.rglob("manifest.json"), key=lambda path: path.parent.name)  # a time
            manifest = Manifest.model_validate_json(newest.read_bytes())
            table.add_row(
                f"{megabytes:,} MB",
                f"{found.wall:.1f} s",
                f"{found.memory:.0f} MB",
                f"{found.disk:.0f} MB",
                f"{cpu:.1f} s",
                f"{manifest.dump_bytes / 1e6:,.0f} MB",
                f"{manifest.dump.bytes / 1e6:,.0f} MB",
            )
    Console(width=max(Console().width, 130)).print(table)


def server_cpu_seconds(cluster: Cluster) -> float:
    """Return the CPU seconds of a server's processes, of those that have ended as well."""
    main = psutil.Process(int((cluster.data / "postmaster.pid").read_text().split()[0]))
    ended = main.cpu_times()
    running = [child.cpu_times() for child in main.children()]
    return ended.children_user + ended.children_system + sum(each.user + each.system for each in running)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["costs"]:
            costs()
        case ["large", *arguments]:
            numbers = [int(argument) for argument in arguments]
            compare_uneven(*numbers, *(10, 1)[len(numbers) :])
        case arguments:
            numbers = [int(argument) for argument in arguments]
            compare(*numbers, *(75, 3)[len(numbers) :])
