"""The sample platform, served from this process on a database of its own, and what looks at it."""

import json
import threading
from collections.abc import Collection, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import uvicorn
from clusters import destroyed_after, reachable_home, wait_until
from generated_files import PRODUCTION

from components.settings import Settings, load
from postgres_server.cluster import Cluster
from readiness.checks import CHECKS
from readiness.checks.dns import CHECKS as NAMES
from readiness.checks.monitoring import CHECKS as MONITORING
from readiness.checks.monitoring import answers_have_an_id
from readiness.checks.recovery import CHECKS as RECOVERY
from readiness.checks.vendors import CHECKS as VENDORS
from readiness.http_reader import HttpReader
from readiness.live_platform import DatabaseAccess, LivePlatform
from readiness.results import CheckResult
from readiness.run import run_checks
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates, tls_context
from twin.sample_app import service
from twin.sample_app.document import RELEASED
from twin.sample_app.plain_http import find_plain_port, serve_plain

COMMIT: Final = "5f2b1c0d9e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"
OF_HEALTH: Final = {*RECOVERY, *MONITORING, *NAMES, *VENDORS} - {answers_have_an_id.CHECK}
"""What is read of the stack's health, of names or of vendors' APIs: other modules try it."""

DATABASE: Final[dict[str, Any]] = {
    **{name: setting for name, setting in PRODUCTION["stores"]["database"].items() if name != "drill"},
    "drill": {
        "organization": "org-example-00000000",
        "newest_change": "SELECT now()",
        "write": "SELECT 1",
        "assertions": [
            {"name": "migrations", "sql": "SELECT max(version) FROM schema_migrations", "expected": 29}
        ],
    },
}
CHECKOUT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Patient:
    """The sample platform, served from a thread of this process, and what looks at it."""

    home: TwinHome
    settings: Settings
    database: Cluster
    sources: list[int]
    """Last parts of the loopback addresses that were used; each run is a new client."""

    @property
    def plain_addresses(self) -> dict[str, str]:
        urls = [service.url for service in self.settings.services.values()]
        ports = {url: find_plain_port(self.home, int(url.rpartition(":")[2])) for url in urls}
        return {url: f"http://localhost:{port}" for url, port in ports.items()}

    @contextmanager
    def open(self) -> Generator[LivePlatform]:
        self.sources.append(len(self.sources) + 1)
        trust = tls_context(self.home.tls / "ca.crt")
        reader = HttpReader(
            [*(one.url for one in self.settings.services.values()), *self.plain_addresses.values()],
            trust,
            source_address=f"127.99.{self.sources[-1] // 200}.{self.sources[-1] % 200 + 1}",
            uses_proxies=False,
        )

        @contextmanager
        def open_owner() -> Generator[psycopg.Connection]:
            with self.database.connect("platform") as connection:
                yield connection

        with closing(reader):
            yield LivePlatform(
                stack="local",
                option="--stack local",
                settings=self.settings,
                reader=reader,
                authorities=trust,
                checkout=CHECKOUT,
                deployed_commit=COMMIT,
                plain_addresses=self.plain_addresses,
                databases={"database": DatabaseAccess("platform_app", open_owner)},
            )

    def look(
        self, *faults: str, expected: str = "", only: Collection[str] = (), active: bool = True
    ) -> dict[str, CheckResult]:
        """Look, and look again at what failed unexpectedly: a fault stays, a late answer doesn't."""
        self.home.platform_faults.write_text("\n".join(faults))
        results = self._look_once(only, active)
        again = {name for name, one in results.items() if one.outcome == "failed" and name != expected}
        return results | self._look_once(again, active) if again else results

    def _look_once(self, only: Collection[str], active: bool) -> dict[str, CheckResult]:
        checks = [
            check
            for check in CHECKS
            if check not in OF_HEALTH
            and (not only or check.id in only)
            and (active or check.id in only or not check.is_active)
        ]
        with self.open() as platform:
            results, is_late = run_checks(checks, platform, active=())
        assert not is_late
        return {result.id: result for result in results}


def build_settings(backend: int, frontend: int) -> Settings:
    limits = {
        "general": {"path": "/api/plans", "requests": 100, "minutes": 15},
        "sign_in": {"path": "/api/auth/login", "method": "POST", "requests": 5, "minutes": 15},
        "uploads": {"path": "/api/files", "method": "POST", "requests": 10, "minutes": 60},
    }
    return load(
        {
            "platform": {
                "environment": "local",
                "name": "example",
                "repository": "example/platform",
                "repository_id": 1,
                "repository_owner_id": 2,
            },
            "services": {
                "backend": {
                    "url": f"https://localhost:{backend}",
                    "api": {"released": str(RELEASED.relative_to(CHECKOUT)), "limits": limits},
                },
                "frontend": {"url": f"https://localhost:{frontend}"},
            },
            "stores": {"database": DATABASE},
        }
    )


@contextmanager
def serve(home: TwinHome) -> Generator[None]:
    """Serve the platform until the block ends. Its rate limits begin anew."""
    ports = [home.port("backend"), home.port("frontend")]
    server = uvicorn.Server(service.configure(home, ports))
    sockets = [service.listen(port) for port in ports]
    thread = threading.Thread(target=server.run, args=[sockets], daemon=True)
    thread.start()
    end_plain = serve_plain(home, ports)
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        end_plain()
        server.should_exit = True
        thread.join(10)


@contextmanager
def make_patient() -> Generator[Patient]:
    """Make the platform's certificates and its database; `serve` serves it."""
    with ExitStack() as stack:
        home = stack.enter_context(reachable_home())
        ensure_certificates(home)
        cluster = Cluster(home.postgres / "database", home.port("database"))
        stack.enter_context(destroyed_after(cluster))
        cluster.create("planted-password")
        cluster.start()
        with cluster.connect() as connection:
            connection.execute("CREATE ROLE platform_app LOGIN PASSWORD 'planted-password'")
            connection.execute("CREATE DATABASE platform")
        with cluster.connect("platform") as connection:
            connection.execute("CREATE TABLE schema_migrations AS SELECT 29 AS version")
            connection.execute("CREATE TABLE jobs (id integer)")
            # The wheel has no contrib extensions; a table with the view's columns stands in for this one.
            connection.execute(
                "CREATE TABLE pg_stat_statements"
                " (userid oid, dbid oid, queryid bigint, calls bigint, mean_exec_time float8)"
            )
            connection.execute("GRANT SELECT ON schema_migrations TO platform_app")
        uri = f"postgres://platform_app:planted-password@127.0.0.1:{cluster.port}/platform?sslmode=disable"
        (home.root / "platform.json").write_text(json.dumps({"database_url": uri, "commit": COMMIT}))
        yield Patient(home, build_settings(home.port("backend"), home.port("frontend")), cluster, [])
