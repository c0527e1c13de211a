"""
Time of a drill to the first query and to its verification, compared with the same steps by hand.

`python bench/drill.py [scale] [rounds] [path] [alone]` provisions a twin of its own, adds pgbench's tables
(15 MB per unit of scale: 7 is 100 MB, 67 is 1 GB), and backs up. In turn it runs `./bulwark drill corruption`
and `drill loss`, or the one that is named, and the steps of the runbooks without this project: with curl, the
AWS CLI, zstd, pg_restore and psql, which must be on PATH. With `alone` it runs the drills alone. A drill's
time counts from the declared incident, the time by hand from the first command. Disk space for four copies of
the database is enough for `loss` alone.

Recovery is verified when the platform was healthy on the recovered database and every row has been digested:
by a drill's comparison, or by hand with the digest of a dump.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from measurement import empty_archive, measure
from rich.console import Console
from rich.table import Table

from recovery.postgres import connection
from twin.aws.administrator import administrator_key
from twin.neon.model import Neon

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from installations import Installation, make_installation, remove

ROLES: Final = ("platform_owner", "platform_app", "platform_backup")
PROGRAMS: Final = ("aws", "curl", "zstd")
CORRUPTION: Final = "corruption"
LOSS: Final = "loss"
PATHS: Final = (CORRUPTION, LOSS)
PORT: Final = 8099
PLATFORM: Final = (sys.executable, "-P", "-m", "twin.sample_app.service", "--plain-port", str(PORT))


@dataclass(frozen=True)
class DrillTimes:
    """Seconds from the declared incident, and the peak memory of all processes in megabytes."""

    first: float
    verified: float
    memory: float


@dataclass(frozen=True)
class ManualTimes:
    """Seconds from the first command."""

    first: float
    verified: float


class Bench:
    """A provisioned and filled twin with a backup."""

    def __init__(self, installation: Installation, scale: int, paths: Sequence[str]) -> None:
        self.installation, self.home = installation, installation.home
        self.folder = installation.folder
        self.bulwark("up")
        self.outputs = json.loads(self.bulwark("outputs", "--json", "--show-secrets"))
        [(_, self.cluster)] = Neon(self.home).list_clusters()
        program = str(self.cluster.find_installation().root / "bin" / "pgbench")
        subprocess.run(
            [
                program,
                "--initialize",
                "--quiet",
                f"--scale={scale}",
                self.outputs["database_urls"]["database"]["owner"],
            ],
            check=True,
            capture_output=True,
        )
        with psycopg.connect(
            self.outputs["database_urls"]["database"]["owner"], autocommit=True
        ) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            self.megabytes = row[0] / 1e6 if row else 0
        empty_archive(self.cluster)  # nothing is recovered to a time before the backup
        if CORRUPTION in paths:
            # Neon branches without copying. The twin copies the last base backup and replays the WAL.
            self.cluster.take_base_backup()
        self.backup = json.loads(self.bulwark("backup", "database", "--json"))["database"]
        headers = self.folder / "neon-headers"
        headers.touch(mode=0o600)
        headers.write_text(f"Authorization: Bearer {self.home.secret('NEON_API_KEY')}\n")
        programs = self.cluster.find_installation().root / "bin"
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "AWS_ACCESS_KEY_ID": administrator_key(self.home).id,
            "AWS_SECRET_ACCESS_KEY": administrator_key(self.home).secret,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.home.port('aws')}",
        }

    def drop_page_cache(self) -> None:
        """Drop the twin's files from the page cache, which the first contender would fill for the second."""
        os.sync()
        for path in self.home.root.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def bulwark(self, *arguments: str) -> str:
        ended = self.installation.bulwark(*arguments, timeout_seconds=3600)
        if ended.code:
            sys.exit(ended.text)
        return ended.out

    def run_drill(self, scenario: str) -> DrillTimes:
        self.drop_page_cache()
        evidence = self.folder / f"{scenario}-{time.monotonic_ns()}.json"
        command = self.installation.command("drill", scenario, "--evidence", str(evidence))
        figures = measure([command], self.installation.environment, self.folder)
        times = json.loads(evidence.read_text())["scenarios"][0]["times"]
        return DrillTimes(times["first_query"]["seconds"], times["verified"]["seconds"], figures.memory)

    def branch_by_hand(self) -> ManualTimes:
        """Create a branch, connect and measure. Like a drill, digest the source database first."""
        project = self.outputs["database_projects"]["database"]
        self.drop_page_cache()
        self.digest(connection.libpq_environment(self.outputs["database_urls"]["database"]["owner"]))
        at = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        begin = time.perf_counter()
        response = self.curl(
            "POST",
            f"/projects/{project}/branches",
            branch={"name": "by-hand", "parent_timestamp": at},
            endpoints=[{"type": "read_write"}],
        )
        branch = response["branch"]["id"]
        times = self.measure_recovery(project, branch, begin)
        self.curl("DELETE", f"/projects/{project}/branches/{branch}")
        return times

    def restore_by_hand(self) -> ManualTimes:
        """Create a project, download the newest dump, restore it, connect and measure."""
        self.drop_page_cache()
        begin = time.perf_counter()
        response = self.curl(
            "POST",
            "/projects",
            project={
                "name": "by-hand",
                "branch": {"role_name": ROLES[0], "database_name": "platform"},
                "org_id": "org-example-00000000",
            },
        )
        project, branch = response["project"]["id"], response["branch"]["id"]
        for role in ROLES[1:]:
            self.curl("POST", f"/projects/{project}/branches/{branch}/roles", role={"name": role})
        bucket = ("--bucket", self.outputs["vault"])
        listing = self.run_program("aws", "s3api", "list-object-versions", *bucket, "--prefix", "database/")
        keys = [one["Key"] for one in json.loads(listing)["Versions"]]
        [manifest] = [key for key in keys if key.endswith(f"{self.backup['id']}/manifest.json")]
        self.run_program("aws", "s3api", "get-object", *bucket, "--key", manifest, "manifest.json")
        dump = json.loads((self.folder / "manifest.json").read_text())["dump"]
        version = ("--key", dump["key"], "--version-id", dump["version"])
        self.run_program("aws", "s3api", "get-object", *bucket, *version, "dump.pgc.zst")
        if dump["sha256"] not in self.run_program("sha256sum", "dump.pgc.zst"):
            sys.exit("The SHA-256 of the dump is not that of the manifest.")
        self.run_program("zstd", "--quiet", "--decompress", "dump.pgc.zst")
        restore = ("pg_restore", "--exit-on-error", "--jobs=2", "--no-owner", "--dbname=platform")
        self.run_program(*restore, "dump.pgc", **self.login(project, branch, ROLES[0]))
        times = self.measure_recovery(project, branch, begin)
        for path in self.folder.glob("dump.pgc*"):
            path.unlink()
        self.curl("DELETE", f"/projects/{project}")
        return times

    def measure_recovery(self, project: str, branch: str, begin: float) -> ManualTimes:
        """Query the newest change, start the platform and wait until it is healthy, then digest a dump."""
        application = self.login(project, branch, ROLES[1])
        self.run_program("psql", "--command", "SELECT written_at FROM canary", **application)
        first = time.perf_counter() - begin
        url = self.uri(project, branch, ROLES[1])
        with subprocess.Popen(
            PLATFORM,
            cwd=self.folder,
            env=self.installation.environment | {"DATABASE_URL": url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as platform:
            asking = ["curl", "--silent", "--fail", f"http://127.0.0.1:{PORT}/health"]
            while subprocess.run(asking, capture_output=True, check=False).returncode:
                if platform.poll() is not None:
                    sys.exit("The platform ended.")
                time.sleep(0.05)
            platform.terminate()
        self.digest(self.login(project, branch, ROLES[0]))
        return ManualTimes(first, time.perf_counter() - begin)

    def digest(self, login: dict[str, str]) -> None:
        """Compute the digest of all rows, like a person who compares two databases."""
        with subprocess.Popen(
            ["pg_dump", "--data-only"],
            env=login | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as dump:
            subprocess.run(["sha256sum"], stdin=dump.stdout, check=True, capture_output=True)
        if dump.returncode:
            sys.exit("pg_dump failed.")

    def curl(self, method: str, path: str, **body: Any) -> Any:
        data = ("--json", json.dumps(body)) if body else ()
        url = f"http://127.0.0.1:{self.home.port('vendors')}/neon/api/v2{path}"
        common = ("curl", "--silent", "--show-error", "--fail-with-body", "--header", "@neon-headers")
        return json.loads(self.run_program(*common, "--request", method, *data, url))

    def login(self, project: str, branch: str, role: str) -> dict[str, str]:
        return connection.libpq_environment(self.uri(project, branch, role))

    def uri(self, project: str, branch: str, role: str) -> str:
        query = f"branch_id={branch}&database_name=platform&role_name={role}"
        return self.curl("GET", f"/projects/{project}/connection_uri?{query}")["uri"]

    def run_program(self, *command: str, **environment: str) -> str:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=environment | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            sys.exit(f"{' '.join(command[:3])}: {ended.stderr}{ended.stdout}")
        return ended.stdout


def main(scale: int, rounds: int, paths: Sequence[str], *, is_alone: bool) -> None:
    if not is_alone and (missing := [name for name in PROGRAMS if not shutil.which(name)]):
        sys.exit(f"Not on PATH: {', '.join(missing)}. Next: install them and run this again.")
    with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as folder:
        installation = make_installation(Path(folder) / "checkout")
        try:
            run(Bench(installation, scale, paths), rounds, paths, is_alone=is_alone)
        finally:
            remove(installation)


def run(bench: Bench, rounds: int, paths: Sequence[str], *, is_alone: bool) -> None:
    table = Table(
        *("path", "first query", "by hand", "ratio"),
        *("verified", "by hand", "ratio", "peak memory"),
        title=f"{bench.megabytes:.0f} MB, medians of {rounds}",
    )
    plain = {CORRUPTION: bench.branch_by_hand, LOSS: bench.restore_by_hand}
    for scenario in paths:
        drills: list[DrillTimes] = []
        manual: list[ManualTimes] = []
        for _ in range(rounds):
            drills.append(bench.run_drill(scenario))
            manual += [] if is_alone else [plain[scenario]()]
            sys.stderr.write(f"{scenario}: {drills[-1]}, {manual[-1:]}\n")
        cells: list[str] = []
        for milestone in ("first", "verified"):
            ours = statistics.median(getattr(one, milestone) for one in drills)
            cells.append(f"{ours:.1f} s")
            if is_alone:
                cells += ["", ""]
                continue
            theirs = statistics.median(getattr(one, milestone) for one in manual)
            cells += [f"{theirs:.1f} s", f"{ours / theirs:.2f}"]
        memory = statistics.median(one.memory for one in drills)
        table.add_row(scenario, *cells, f"{memory:.0f} MB")
    Console(width=max(Console().width, 110)).print(table)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument not in {*PATHS, "alone"}]
    chosen = [path for path in PATHS if path in sys.argv] or PATHS
    scale, rounds = (*numbers, *(7, 3)[len(numbers) :])
    main(scale, rounds, chosen, is_alone="alone" in sys.argv)
