"""A small platform to drill, on real servers: its database, its vault, and a place to throw away."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from servers import PASSWORD, create_database, database_url, drop_database

from postgres_server.cluster import Cluster
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Removed
from recovery.drill.safety import read_only
from recovery.drill.terms import Application, Assertion, DrillObjectives, DrillSpec
from recovery.drill.validation import DrillContext

NAME = "shop"
ROLE = "shop_app"
_SERVER = """
import http.server, os, sys, psycopg
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        psycopg.connect(os.environ["SHOP_DATABASE"]).execute("SELECT count(*) FROM public.notes")
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""
TERMS = DrillSpec(
    objectives=DrillObjectives(recovery=600, critical=300, history_loss=3600, vault_loss=86_400),
    application_role=ROLE,
    newest_change="SELECT max(ordered_at) FROM public.orders",
    assertions=(
        Assertion("every note has a body", "SELECT count(*) FROM public.notes WHERE body = ''", "0"),
        Assertion("there are notes", "SELECT count(*) > 0 FROM public.notes", "true"),
    ),
    write="INSERT INTO public.orders (number) VALUES (-1)",
    application=Application(
        command=(sys.executable, "-c", _SERVER, "{port}"),
        health="http://127.0.0.1:{port}/health",
        database_variable="SHOP_DATABASE",
        ready_within_seconds=30,
    ),
    files="",
)


def fill(server: Cluster) -> str:
    """Make the platform's database and its role; return the superuser's address."""
    with psycopg.connect(database_url(server, "postgres"), autocommit=True) as connection:
        _role(connection)
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
class Servers:
    """Implements `recovery.drill.environment.Place` without an engine: by a branch, or on another server."""

    source: Cluster
    other: Cluster
    folder: Path
    port: int
    """A branch's."""

    scope: str = "tests"
    seen: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the query of each branch gave before anything else was done in it."""

    probe: str = ""
    damage: str = ""
    """SQL that spoils a copy as soon as it is there."""

    @contextmanager
    def branching(self, name: str) -> Generator[Callable[[datetime], RecoveredDatabase]]:
        branch = replace(self.source, directory=self.source.directory.with_name(name), port=self.port)

        def branched(at: datetime) -> RecoveredDatabase:
            self.source.branch(branch, at)
            copy = _copy(name, branch)
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
    def empty(self, name: str) -> Generator[RecoveredDatabase]:
        try:
            with psycopg.connect(database_url(self.other, "postgres"), autocommit=True) as connection:
                _role(connection)
            create_database(self.other, NAME)
            yield _copy(name, self.other)
        finally:
            drop_database(self.other, NAME)

    def remains(self, name: str) -> tuple[Removed, ...]:
        there = self.source.directory.with_name(name).exists()
        return (Removed(name=name, kind="database", gone=not there, proof="looked for its folder"),)


def drilled(place: Servers, url: str, **terms: Any) -> DrillContext:
    return DrillContext(read_only(url), replace(TERMS, **terms), place)


def _copy(name: str, server: Cluster) -> RecoveredDatabase:
    return RecoveredDatabase(
        name, "tests", database_url(server, NAME), database_url(server, NAME, ROLE, PASSWORD)
    )


def _role(connection: psycopg.Connection) -> None:
    name = sql.Identifier(ROLE)
    if not connection.execute("SELECT true FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(PASSWORD)))
