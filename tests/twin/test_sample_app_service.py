"""The sample platform as its users and its monitors see it: over HTTPS, with the real database behind it."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from clusters import destroyed_after, reachable_home, wait_until

from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates
from twin.sample_app import PRODUCT, VERSION

pytestmark = pytest.mark.shares("sample-app-service")

PASSWORD = "planted-database-password"


@dataclass(frozen=True)
class Platform:
    home: TwinHome
    database: Cluster
    process: subprocess.Popen[bytes]
    client: httpx.Client

    def get(self, path: str, port: str = "api") -> httpx.Response:
        return self.client.get(f"https://localhost:{self.home.port(port)}{path}")

    def await_health(self, status: int) -> httpx.Response:
        wait_until(lambda: self.get("/health").status_code == status)
        return self.get("/health")

    def deploy(self) -> None:
        uri = f"postgres://cloud_admin:{PASSWORD}@127.0.0.1:{self.database.port}/postgres?sslmode=disable"
        (self.home.root / "platform.json").write_text(json.dumps({"database_url": uri}))


@pytest.fixture(scope="module")
def database() -> Generator[tuple[TwinHome, Cluster]]:
    with reachable_home() as home:
        ensure_certificates(home)
        cluster = Cluster(home.postgres / "database", home.port("database"))
        with destroyed_after(cluster):
            cluster.create(PASSWORD)
            cluster.start()
            with cluster.connect() as connection:
                connection.execute("CREATE TABLE schema_migrations (version integer)")
            yield home, cluster


def command(home: TwinHome, api: str = "api", frontend: str = "frontend") -> list[str]:
    ports = ["--port", str(home.port(api)), "--port", str(home.port(frontend))]
    return [sys.executable, "-m", "twin.sample_app.service", *ports]


@contextmanager
def serving_platform(home: TwinHome, database: Cluster) -> Generator[Platform]:
    trust = ssl.create_default_context(cafile=home.tls / "ca.crt")
    log = home.logs / "platform.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command(home), env={HOME_VARIABLE: str(home.root)}, stderr=errors) as process,
        httpx.Client(verify=trust, timeout=10) as client,
    ):
        try:
            wait_until(lambda: process.poll() is not None or is_listening(home.port("api")))
            yield Platform(home, database, process, client)
        finally:
            process.kill()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def platform(database: tuple[TwinHome, Cluster]) -> Generator[Platform]:
    with serving_platform(*database) as platform:
        yield platform


@pytest.fixture(autouse=True)
def deployed_and_up(request: pytest.FixtureRequest) -> None:
    if "platform" in request.fixturenames:
        platform: Platform = request.getfixturevalue("platform")
        platform.deploy()
        platform.database.start()


def test_health_says_ok_with_what_a_monitor_looks_for(platform: Platform) -> None:
    answer = platform.get("/health")
    assert answer.status_code == 200
    assert '"status":"ok"' in answer.text
    assert set(answer.json()) == {"status", "timestamp", "uptime", "environment", "version"}
    assert answer.json()["version"] == VERSION


def test_the_version_and_the_page_are_served_on_each_port(platform: Platform) -> None:
    for port in ("api", "frontend"):
        assert platform.get("/api/version", port=port).json() == {"version": VERSION, "commit": ""}
        page = platform.get("/", port=port)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert PRODUCT in page.text


def test_a_client_without_the_twins_authority_refuses_the_certificate(platform: Platform) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(
            f"https://localhost:{platform.home.port('api')}/health", verify=ssl.create_default_context()
        )


def test_a_stopped_database_turns_health_red_and_a_started_one_green(platform: Platform) -> None:
    platform.database.stop()
    answer = platform.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
    assert answer.json()["reason"] == "the database cannot be reached"
    platform.database.start()
    assert platform.get("/health").status_code == 200


def test_a_database_that_hangs_turns_health_red_in_time(platform: Platform) -> None:
    postmaster = platform.database.find_postmaster()
    assert postmaster
    postmaster.suspend()
    answer = platform.get("/health")
    postmaster.resume()
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database did not answer within 2 s"
    assert platform.await_health(200)


def test_a_database_without_the_schema_turns_health_red(platform: Platform) -> None:
    with platform.database.connect() as connection:
        connection.execute("ALTER TABLE schema_migrations RENAME TO hidden")
        reason = platform.get("/health").json()["reason"]
        connection.execute("ALTER TABLE hidden RENAME TO schema_migrations")
    assert reason == "the database refused the query (UndefinedTable)"


def test_health_names_a_missing_or_unreadable_deployment(platform: Platform) -> None:
    settings = platform.home.root / "platform.json"
    settings.unlink()
    assert platform.get("/health").json()["reason"] == "not deployed yet"
    settings.write_text('{"database_url": ')
    assert platform.get("/health").json()["reason"] == "the deployment's settings are unreadable"
    settings.write_text(json.dumps({"database_url": f"nonsense {PASSWORD}"}))
    assert platform.get("/health").status_code == 503
    platform.deploy()
    assert platform.get("/health").status_code == 200


def test_each_request_is_one_log_line_without_secrets(platform: Platform) -> None:
    platform.get("/health?token=planted-token")
    platform.database.stop()
    platform.get("/health%0Aforged")
    assert platform.get("/health").status_code == 503
    log = (platform.home.logs / "platform.log").read_text()
    lines = [line for line in log.splitlines() if "forged" in line]
    assert len(lines) == 1
    assert " GET /health%0Aforged 404 " in lines[0]
    assert " GET /health 503 " in log
    for secret in (PASSWORD, "planted-token", "Traceback"):
        assert secret not in log


def test_a_signal_ends_the_service_in_spite_of_open_connections(database: tuple[TwinHome, Cluster]) -> None:
    with serving_platform(*database) as platform:
        platform.deploy()
        platform.get("/health")  # leaves an open connection behind
        platform.process.send_signal(signal.SIGTERM)
        assert platform.process.wait(30) in (0, -signal.SIGTERM)


def test_an_occupied_port_and_a_missing_certificate_are_named(
    database: tuple[TwinHome, Cluster], tmp_path: Path
) -> None:
    home, _ = database
    with socket.create_server(("127.0.0.1", home.port("taken"))):
        blocked = subprocess.run(
            command(home, "other", "taken"),
            env={HOME_VARIABLE: str(home.root)},
            capture_output=True,
            text=True,
            check=False,
        )
    bare = subprocess.run(
        command(home), env={HOME_VARIABLE: str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert f"port {home.port('taken')}" in blocked.stderr
    assert "no certificate" in bare.stderr
    for failed in (blocked, bare):
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr
