"""Every fault of the sample platform turns exactly its check red, and without one all are green."""

import json
import threading
from collections.abc import Collection, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
import pytest
import uvicorn
from clusters import destroyed_after, reachable_home, wait_until
from generated_files import PRODUCTION
from sample_faults import CHECK_OF

from components.settings import Settings, load
from postgres_server.cluster import Cluster
from readiness.checks import CHECKS
from readiness.checks.database import CHECKS as IN_THE_DATABASE
from readiness.checks.dns import CHECKS as NAMES
from readiness.checks.health import health_turns_red
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
from twin.sample_app.faults import describe_faults
from twin.sample_app.plain_http import find_plain_port, serve_plain

pytestmark = pytest.mark.shares("readiness")

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

    def look(self, *faults: str, only: Collection[str] = (), active: bool = True) -> dict[str, CheckResult]:
        self.home.platform_faults.write_text("\n".join(faults))
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


@pytest.fixture(scope="module")
def patient() -> Generator[Patient]:
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
        ports = [home.port("backend"), home.port("frontend")]
        server = uvicorn.Server(service.configure(home, ports))
        sockets = [service.listen(port) for port in ports]
        thread = threading.Thread(target=server.run, args=[sockets], daemon=True)
        thread.start()
        stack.callback(serve_plain(home, ports))
        wait_until(lambda: server.started)
        yield Patient(home, build_settings(*ports), cluster, [])
        server.should_exit = True
        thread.join(10)


IN_DATABASE: Final[dict[str, tuple[str, LiteralString, LiteralString]]] = {
    "a superuser": (
        "application-has-few-rights",
        "ALTER ROLE platform_app SUPERUSER",
        "ALTER ROLE platform_app NOSUPERUSER",
    ),
    "it makes roles": (
        "application-has-few-rights",
        "ALTER ROLE platform_app CREATEROLE",
        "ALTER ROLE platform_app NOCREATEROLE",
    ),
    "it bypasses row-level security": (
        "application-has-few-rights",
        "ALTER ROLE platform_app BYPASSRLS",
        "ALTER ROLE platform_app NOBYPASSRLS",
    ),
    "it is a member of a strong role": (
        "application-has-few-rights",
        "CREATE ROLE strong CREATEDB ROLE platform_app",
        "DROP ROLE strong",
    ),
    "it owns a table": (
        "application-has-few-rights",
        "ALTER TABLE jobs OWNER TO platform_app",
        "ALTER TABLE jobs OWNER TO CURRENT_USER",
    ),
    "it makes tables": (
        "application-has-few-rights",
        "GRANT CREATE ON SCHEMA public TO platform_app",
        "REVOKE CREATE ON SCHEMA public FROM platform_app",
    ),
    "it empties tables": (
        "application-has-few-rights",
        "GRANT TRUNCATE ON jobs TO platform_app",
        "REVOKE TRUNCATE ON jobs FROM platform_app",
    ),
    "its connections are used up": (
        "connections-are-left",
        "ALTER ROLE platform_app CONNECTION LIMIT 0",
        "ALTER ROLE platform_app CONNECTION LIMIT -1",
    ),
    "a migration is missing": (
        "data-are-as-declared",
        "UPDATE schema_migrations SET version = 28",
        "UPDATE schema_migrations SET version = 29",
    ),
    "a statement is slow": (
        "statements-are-fast",
        "INSERT INTO pg_stat_statements SELECT 'platform_app'::regrole, oid, 7, 25, 120 FROM pg_database"
        " WHERE datname = current_database()",
        "DELETE FROM pg_stat_statements",
    ),
}
"""What is wrong -> the check that turns red, and the statements that break and mend it."""


def find_red(results: dict[str, CheckResult]) -> dict[str, Any]:
    return {name: one.problems for name, one in results.items() if one.outcome == "failed"}


def test_a_platform_without_a_fault_is_all_green(patient: Patient) -> None:
    results = patient.look()
    unseen = {name: one.reason for name, one in results.items() if one.outcome == "not_looked_at"}
    assert (find_red(results), unseen) == ({}, {})
    assert all(one.measured for one in results.values())


def test_production_is_only_looked_at(patient: Patient, capfd: pytest.CaptureFixture[str]) -> None:
    platform = patient.settings.platform.model_copy(update={"environment": "production"})
    production = replace(patient, settings=patient.settings.model_copy(update={"platform": platform}))
    capfd.readouterr()
    results = production.look()
    methods = {line.split()[1] for line in capfd.readouterr().err.splitlines() if " /" in line}
    assert find_red(results) == {}
    for check in CHECKS:
        if check.is_active and check not in OF_HEALTH:
            assert (results[check.id].outcome, results[check.id].is_expected) == ("not_looked_at", True)
    assert methods == {"GET"}


def test_every_fault_has_a_check_and_every_check_that_looks_at_the_sample_a_fault() -> None:
    assert CHECK_OF.keys() == describe_faults().keys()
    assert len(CHECK_OF) >= 60
    tried = {*CHECK_OF.values(), *(check for check, _, _ in IN_DATABASE.values())}
    assert {check.id for check in CHECKS if check not in OF_HEALTH} == tried


@pytest.mark.parametrize("fault", CHECK_OF)
def test_a_fault_turns_exactly_its_check_red(
    patient: Patient, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_turns_red, "LONGEST_SECONDS", 1.5)
    results = patient.look(fault, active=False)
    if CHECK_OF[fault] not in results:
        results |= patient.look(fault, only={CHECK_OF[fault]})
    assert set(find_red(results)) == {CHECK_OF[fault]}, find_red(results)


@pytest.mark.parametrize("wrong", IN_DATABASE)
def test_what_is_wrong_in_the_database_turns_exactly_its_check_red(patient: Patient, wrong: str) -> None:
    check, break_it, mend_it = IN_DATABASE[wrong]
    only = {one.id for one in IN_THE_DATABASE}
    with patient.database.connect("platform") as connection:
        connection.execute(break_it)
        red = find_red(patient.look(only=only))
        connection.execute(mend_it)
        mended = find_red(patient.look(only=only))
    assert (set(red), mended) == ({check}, {}), red
