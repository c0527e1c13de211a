"""Every fault of the sample platform turns exactly its check red, and without one all are green."""

import json
import threading
from collections.abc import Collection, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
import uvicorn
from clusters import destroyed_after, reachable_home, wait_until
from sample_faults import CHECK_OF

from components.settings import Settings, load
from postgres_server.cluster import Cluster
from readiness.checks import CHECKS
from readiness.checks.health import health_turns_red
from readiness.http_reader import HttpReader
from readiness.live_platform import DatabaseAccess, LivePlatform
from readiness.results import CheckResult
from readiness.run import run_checks
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates, tls_context
from twin.sample_app import service
from twin.sample_app.document import RELEASED
from twin.sample_app.faults import describe_faults

pytestmark = pytest.mark.shares("readiness")

COMMIT: Final = "5f2b1c0d9e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c"
CHECKOUT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Patient:
    """The sample platform, served from a thread of this process, and what looks at it."""

    home: TwinHome
    settings: Settings
    database: Cluster
    sources: list[int]
    """Last parts of the loopback addresses that were used; each run is a new client."""

    @contextmanager
    def open(self) -> Generator[LivePlatform]:
        self.sources.append(len(self.sources) + 1)
        trust = tls_context(self.home.tls / "ca.crt")
        reader = HttpReader(
            [one.url for one in self.settings.services.values()],
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
                databases={"database": DatabaseAccess("platform_app", open_owner)},
            )

    def look(self, *faults: str, only: Collection[str] = (), active: bool = True) -> dict[str, CheckResult]:
        self.home.platform_faults.write_text("\n".join(faults))
        checks = [
            check
            for check in CHECKS
            if (not only or check.id in only) and (active or check.id in only or not check.is_active)
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
            connection.execute("CREATE TABLE schema_migrations (version integer)")
            connection.execute("GRANT SELECT ON schema_migrations TO platform_app")
        uri = f"postgres://platform_app:planted-password@127.0.0.1:{cluster.port}/platform?sslmode=disable"
        (home.root / "platform.json").write_text(json.dumps({"database_url": uri, "commit": COMMIT}))
        ports = [home.port("backend"), home.port("frontend")]
        server = uvicorn.Server(service.configure(home, ports))
        sockets = [service.listen(port) for port in ports]
        thread = threading.Thread(target=server.run, args=[sockets], daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield Patient(home, build_settings(*ports), cluster, [])
        server.should_exit = True
        thread.join(10)


def find_red(results: dict[str, CheckResult]) -> dict[str, Any]:
    return {name: one.problems for name, one in results.items() if one.outcome == "failed"}


def test_a_platform_without_a_fault_is_all_green(patient: Patient) -> None:
    results = patient.look()
    unseen = {name: one.reason for name, one in results.items() if one.outcome == "not_looked_at"}
    assert (find_red(results), unseen) == ({}, {})
    assert all(one.measured for one in results.values())


def test_every_fault_has_a_check_and_every_check_that_looks_at_the_sample_a_fault() -> None:
    assert CHECK_OF.keys() == describe_faults().keys()
    assert len(CHECK_OF) >= 60
    assert {check.id for check in CHECKS} == set(CHECK_OF.values())


@pytest.mark.parametrize("fault", CHECK_OF)
def test_a_fault_turns_exactly_its_check_red(
    patient: Patient, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_turns_red, "LONGEST_SECONDS", 1.5)
    results = patient.look(fault, active=False)
    if CHECK_OF[fault] not in results:
        results |= patient.look(fault, only={CHECK_OF[fault]})
    assert set(find_red(results)) == {CHECK_OF[fault]}, find_red(results)
