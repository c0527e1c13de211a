"""The example with a vault, deployed on a twin of its own with the policies on; its backup comes back."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import role_clients
from attesting import make_key
from clusters import destroyed_after, reachable_home
from recovery_command import RecoveryCommand, without_password

from core.console import PrintableConsole
from engine.targets import find_twin_target
from engine.twin import TwinTarget
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from toolchain.engine import search_path
from twin import services
from twin.aws.issuer import issue_token
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("example-vault")

PROGRAM = Path(__file__).parent / "other_program.py"
PASSWORD = "planted-superuser-password"
ROWS = [(number, f"order {number}") for number in range(500)]


@dataclass(frozen=True)
class Shop:
    """The example's stack, and the database that it protects."""

    home: TwinHome
    server: Cluster
    deployed: Any
    """What other_program.py prints."""

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.server.port}/{database}"

    def credentials(self, role: str) -> dict[str, str]:
        """Return a session of a role as a job of its GitHub environment gets it."""
        subject = role_clients.subject(role_clients.ENVIRONMENTS[role], "example@1/shop@2")
        token = issue_token(self.home, subject=subject)
        session = role_clients.assume_role(self.home, role, platform="shop", token=token)
        return {name.upper(): value for name, value in session.credentials}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with reachable_home() as home:
        target = TwinTarget("prod", find_twin_target("prod").settings, "stand-in", home)
        server = Cluster(home.postgres / "shop", home.port("shop"))
        try:
            target.prepare(PrintableConsole(stderr=True))
            with destroyed_after(server):
                server.create(PASSWORD)
                server.start()
                found = Shop(home, server, None)
                with psycopg.connect(found.url("postgres"), autocommit=True) as connection:
                    connection.execute("CREATE DATABASE shop")
                    connection.execute("CREATE DATABASE restored")
                with psycopg.connect(found.url("shop")) as connection:
                    connection.execute("CREATE TABLE orders (id int PRIMARY KEY, title text)")
                    connection.cursor().executemany("INSERT INTO orders VALUES (%s, %s)", ROWS)
                environment = os.environ | target.engine_environment()
                ended = subprocess.run(
                    [sys.executable, "-P", str(PROGRAM), "vault"],
                    env=environment
                    | {"PATH": search_path(), "SECRETS": json.dumps({"url": found.url("shop")})},
                    capture_output=True,
                    text=True,
                    timeout=180,
                    check=False,
                )
                assert ended.returncode == 0, ended.stderr[-3_000:]
                yield Shop(home, server, json.loads(ended.stdout))
        finally:
            services.stop(home, target.services())


def test_the_output_is_a_recovery_file_without_a_secret(shop: Shop) -> None:
    assert shop.deployed["secret"] == {"heartbeats": True, "recovery": False}
    recovery = shop.deployed["outputs"]["recovery"]
    assert PASSWORD not in json.dumps(recovery)
    assert recovery["stores"]["shop"]["url"] == f"postgresql://{SUPERUSER}@127.0.0.1:{shop.server.port}/shop"


def test_the_jobs_role_backs_up_and_another_role_restores_it(shop: Shop, tmp_path: Path) -> None:
    recovery = shop.deployed["outputs"]["recovery"]
    key, public = make_key("operator of the example")
    heartbeats = {
        f"{name.upper()}_HEARTBEAT_URL": url for name, url in shop.deployed["outputs"]["heartbeats"].items()
    }
    command = RecoveryCommand(
        tmp_path,
        shop.home,
        {
            "SHOP_PASSWORD": PASSWORD,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{shop.home.port('aws')}",
            "BULWARK_ATTESTATION_KEY": str(key),
            **heartbeats,
        },
    )
    command.write(**recovery | {"trust": {**recovery["trust"], "operators": [public]}})
    backed_up = command.run("backup", variables=shop.credentials("backup-writer"))
    assert backed_up.code == 0, backed_up.text
    reading = shop.credentials("backup-restorer")
    empty = without_password(shop.url("restored"))
    restored = command.run(
        "restore", "--to", empty, variables={**reading, "BULWARK_RESTORE_PASSWORD": PASSWORD}
    )
    assert restored.code == 0, restored.text
    with psycopg.connect(shop.url("restored")) as connection:
        assert connection.execute("SELECT id, title FROM orders ORDER BY id").fetchall() == ROWS
    refused = command.run("backup", variables=reading)
    assert "is not authorized to perform: s3:PutObject" in refused.text
