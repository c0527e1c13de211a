"""
How long a drill takes to the first query and until all is verified, beside what a person would type.

`python bench/drill.py [scale] [rounds]` provisions a twin of its own, adds pgbench's tables (15 MB a unit: 7
is 100 MB, 67 is 1 GB), backs up, and runs in turn `./bulwark drill corruption` beside a branch by Neon's API
and a query; and `./bulwark drill loss` beside a new project by Neon's API, a download, `pg_restore -j2` and a
query. The drill's times count from the declared incident, the plain ones from the first command.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import httpx
import psycopg
import zstandard
from measuring import measured
from rich.console import Console
from rich.table import Table

from local.vendors.neon import Neon

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from installations import Installation, make_installation, remove

ROLES: Final = ("platform_owner", "platform_app", "platform_backup")


class Bench:
    """A provisioned, filled and backed-up twin."""

    def __init__(self, installation: Installation, scale: int) -> None:
        self.installation, self.home = installation, installation.home
        self.folder = installation.folder
        self.bulwark("up")
        self.outputs = json.loads(self.bulwark("outputs", "--json", "--show-secrets"))
        [(_, self.cluster)] = Neon(self.home).clusters()
        program = str(self.cluster.installation().root / "bin" / "pgbench")
        subprocess.run(
            [program, "--initialize", "--quiet", f"--scale={scale}", self.outputs["owner_database_url"]],
            check=True,
            capture_output=True,
        )
        with psycopg.connect(self.outputs["owner_database_url"], autocommit=True) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            self.megabytes = row[0] / 1e6 if row else 0
        # A branch at Neon costs nothing for its size; the twin's copies the last base backup and replays.
        self.cluster.base_backup()
        self.backup = json.loads(self.bulwark("backup", "database", "--json"))["database"]
        self.api = httpx.Client(
            base_url=f"http://127.0.0.1:{self.home.port('vendors')}/neon/api/v2",
            headers={"Authorization": f"Bearer {self.home.secret('neon_api_key')}"},
            timeout=600,
        )

    def bulwark(self, *arguments: str) -> str:
        ended = self.installation.bulwark(*arguments, timeout_seconds=3600)
        if ended.code:
            sys.exit(ended.text)
        return ended.out

    def drilled(self, scenario: str) -> tuple[float, float, float]:
        """Return seconds to the first query and until verified, and the peak of its memory in megabytes."""
        evidence = self.folder / f"{scenario}-{time.monotonic_ns()}.json"
        command = self.installation.command("drill", scenario, "--evidence", str(evidence))
        figures = measured([command], self.installation.environment, self.folder)
        times = json.loads(evidence.read_text())["scenarios"][0]["times"]
        return times["first_query"]["seconds"], times["verified"]["seconds"], figures.memory

    def branched(self) -> float:
        """Branch and connect, as one types it."""
        project = self.outputs["database_project"]
        at = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        begin = time.perf_counter()
        made = self.asked(
            f"/projects/{project}/branches",
            branch={"name": "by-hand", "parent_timestamp": at},
            endpoints=[{"type": "read_write"}],
        )
        branch = made["branch"]["id"]
        self.queried(project, branch, "SELECT written_at FROM canary")
        taken = time.perf_counter() - begin
        self.api.delete(f"/projects/{project}/branches/{branch}").raise_for_status()
        return taken

    def restored(self) -> float:
        """Make a project, download, pg_restore -j2, and connect."""
        dump = self.backup["dump"]
        begin = time.perf_counter()
        made = self.asked(
            "/projects",
            project={
                "name": "by-hand",
                "branch": {"role_name": ROLES[0], "database_name": "platform"},
                "org_id": "org-example-00000000",
            },
        )
        project, branch = made["project"]["id"], made["branch"]["id"]
        for role in ROLES[1:]:
            self.asked(f"/projects/{project}/branches/{branch}/roles", role={"name": role})
        archive = self.folder / "dump.pgc"
        body = self.s3().get_object(Bucket=self.outputs["vault"], Key=dump["key"])["Body"]
        with archive.open("wb") as file:
            zstandard.ZstdDecompressor().copy_stream(body, file)
        program = str(self.cluster.installation().root / "bin" / "pg_restore")
        owner = self.uri(project, branch, ROLES[0])
        subprocess.run([program, "-j2", "--exit-on-error", f"--dbname={owner}", str(archive)], check=True)
        self.queried(project, branch, "SELECT written_at FROM canary")
        taken = time.perf_counter() - begin
        archive.unlink()
        self.api.delete(f"/projects/{project}").raise_for_status()
        return taken

    def s3(self) -> Any:
        session = boto3.Session("twin", "twin", region_name="eu-west-1")
        return session.client("s3", endpoint_url=f"http://127.0.0.1:{self.home.port('aws')}")

    def asked(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.api.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def uri(self, project: str, branch: str, role: str) -> str:
        query = {"branch_id": branch, "database_name": "platform", "role_name": role}
        return self.api.get(f"/projects/{project}/connection_uri", params=query).json()["uri"]

    def queried(self, project: str, branch: str, query: str) -> None:
        with psycopg.connect(self.uri(project, branch, ROLES[1])) as connection:
            connection.execute(query.encode()).fetchone()


def main(scale: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bulwark-bench-") as folder:
        installation = make_installation(Path(folder) / "checkout")
        try:
            run(Bench(installation, scale), rounds)
        finally:
            remove(installation)


def run(bench: Bench, rounds: int) -> None:
    table = Table(
        *("path", "first query", "by hand", "ratio", "verified", "ratio", "peak memory"),
        title=f"{bench.megabytes:.0f} MB, medians of {rounds}",
    )
    plain: dict[str, Callable[[], float]] = {"corruption": bench.branched, "loss": bench.restored}
    for scenario, by_hand in plain.items():
        pairs = [(bench.drilled(scenario), by_hand()) for _ in range(rounds)]
        first, verified, memory = (statistics.median(ours[n] for ours, _ in pairs) for n in range(3))
        hand = statistics.median(theirs for _, theirs in pairs)
        ratios = [statistics.median(ours[n] / theirs for ours, theirs in pairs) for n in range(2)]
        table.add_row(
            *(scenario, f"{first:.1f} s", f"{hand:.1f} s", f"{ratios[0]:.2f}"),
            *(f"{verified:.1f} s", f"{ratios[1]:.2f}", f"{memory:.0f} MB"),
        )
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
