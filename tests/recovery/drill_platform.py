"""A small platform for drills on real servers: its database, its application, a throw-away environment."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from attesting import TRUST
from psycopg import sql
from servers import PASSWORD, create_database, database_url, drop_database

from postgres_server.cluster import Cluster
from recovery.drill.environment import DrillEnvironment, RecoveredDatabase
from recovery.drill.evidence import TeardownResult
from recovery.drill.safety import read_only_url
from recovery.drill.spec import Application, Assertion, DrillObjectives, DrillSpec
from recovery.drill.validation import DrillContext
from recovery.manifest import ServerInfo
from recovery.postgres.globals import Globals

NAME = "shop"
ROLE = "shop_app"
_SERVER = """
import http.server, os, sys, psycopg
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        psycopg.connect(os.environ["SHOP_DATABASE"]).execute("SELECT count(*) FROM public." + sys.argv[2])
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def application_command(table: str) -> tuple[str, ...]:
    """Return the command of an application that is healthy while it can count the rows of a table."""
    return (sys.executable, "-c", _SERVER, "{port}", table)


APPLICATION = Application(
    command=application_command("notes"),
    health="http://127.0.0.1:{port}/health",
    database_variable="SHOP_DATABASE",
    ready_within_seconds=30,
)
SPEC = DrillSpec(
    objectives=DrillObjectives(recovery=600, critical=300, history_loss=3600, vault_loss=86_400),
    application_role=ROLE,
    newest_change="SELECT max(ordered_at) FROM public.orders",
    assertions=(
        Assertion("every note has a body", "SELECT count(*) FROM public.notes WHERE body = ''", "0"),
        Assertion("there are notes", "SELECT count(*) > 0 FROM public.notes", "true"),
    ),
    write="INSERT INTO public.orders (number) VALUES (-1)",
    application=APPLICATION,
    files="",
)


def create_platform(server: Cluster) -> str:
    """Create the platform's database and its role; return the superuser's URL."""
    with psycopg.connect(database_url(server, "postgres"), autocommit=True) as connection:
        create_role(connection)
    create_database(server, NAME)
    url = database_url(server, NAME)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.notes (id bigint PRIMARY KEY, body text NOT NULL);"
            "CREATE TABLE public.orders (number bigint, ordered_at timestamptz DEFAULT clock_timestamp());"
            "CREATE TABLE public.tags (name text PRIMARY KEY)"
        )
        connection.execute(
            "INSERT INTO public.notes SELECT n, 'note ' || n FROM generate_series(1, 500) n;"
            "INSERT INTO public.tags VALUES ('a'), ('b'); INSERT INTO public.orders VALUES (0)"
        )
        grant = sql.SQL("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {}")
        connection.execute(grant.format(sql.Identifier(ROLE)))
    return url


@dataclass
class ServerEnvironment:
    """Implements `recovery.drill.environment.DrillEnvironment` without Pulumi, by branches and servers."""

    source: Cluster
    other: Cluster
    folder: Path
    port: int
    """Port of a branch's server."""

    scope: str = "tests"
    seen: dict[str, Any] = field(default_factory=dict[str, Any])
    """Rows of the query `probe`, which runs in a branch before anything else."""

    probe: str = ""
    damage: str = ""
    """SQL that damages a branch before the drill reads it."""

    @contextmanager
    def prepare_branch(self, name: str) -> Generator[Callable[[datetime], RecoveredDatabase]]:
        branch = replace(self.source, directory=self.source.directory.with_name(name), port=self.port)

        def branched(at: datetime) -> RecoveredDatabase:
            self.source.branch(branch, at)
            copy = _recovered_database(name, branch)
            with psycopg.connect(copy.owner_url, autocommit=True) as connection:
                if self.probe:
                    self.seen["probe"] = connection.execute(self.probe.encode()).fetchall()
                if self.damage:
                    connection.execute(self.damage.encode())
            return copy

        try:
            yield branched
        finally:
            branch.destroy()

    @contextmanager
    def create_database(
        self, name: str, server: ServerInfo, source_globals: Globals
    ) -> Generator[RecoveredDatabase]:
        del server, source_globals
        try:
            with psycopg.connect(database_url(self.other, "postgres"), autocommit=True) as connection:
                create_role(connection)
            create_database(self.other, NAME)
            yield _recovered_database(name, self.other)
        finally:
            drop_database(self.other, NAME)

    def check_removed(self, name: str) -> tuple[TeardownResult, ...]:
        there = self.source.directory.with_name(name).exists()
        return (TeardownResult(name=name, kind="database", gone=not there, proof="looked for its folder"),)


def drill_context(environment: DrillEnvironment, url: str, **changes: Any) -> DrillContext:
    return DrillContext("database", read_only_url(url), replace(SPEC, **changes), TRUST, environment)


def _recovered_database(name: str, server: Cluster) -> RecoveredDatabase:
    return RecoveredDatabase(
        name, "tests", database_url(server, NAME), database_url(server, NAME, ROLE, PASSWORD)
    )


def create_role(connection: psycopg.Connection) -> None:
    name = sql.Identifier(ROLE)
    if not connection.execute("SELECT true FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(PASSWORD)))
