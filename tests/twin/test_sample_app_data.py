"""The sample database: its content, that it is loaded once and as a whole, and the rights of its roles."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from clusters import destroyed_after, fetch_value, reachable_home, wait_until
from psycopg import sql

from postgres_server.cluster import Cluster
from postgres_server.install import wheel_root
from twin.sample_app.hiring import file_body
from twin.sample_app.seed import LoadResult, load

pytestmark = pytest.mark.shares("sample-app-data")

APPLICATION, BACKUP = "web app", "backup"


@dataclass(frozen=True)
class Databases:
    """A cluster with roles as Neon makes them: the owner may create roles and is no superuser."""

    cluster: Cluster

    def uri(self, database: str, role: str = "owner") -> str:
        server = f"{role.replace(' ', '%20')}:planted@127.0.0.1:{self.cluster.port}"
        return f"postgres://{server}/{database}?sslmode=disable"

    def create(self, database: str) -> None:
        with self.cluster.connect() as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER owner TEMPLATE template0").format(name))

    def load(self, database: str, **options: Any) -> LoadResult:
        return load(self.uri(database), application_role=APPLICATION, backup_role=BACKUP, **options)

    def digest(self, database: str) -> dict[str, tuple[int, int]]:
        """Count each relation's rows and add up their hashes, whatever their order."""
        with self.cluster.connect(database) as connection:

            def digest_of(name: str, kind: str) -> tuple[int, int]:
                # A sequence's third column is a cache of the server's.
                columns = sql.SQL("last_value, is_called" if kind == "S" else "*")
                query = sql.SQL(
                    "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM (SELECT {} FROM {}) t"
                )
                row = connection.execute(query.format(columns, sql.Identifier("public", name))).fetchone()
                assert row
                return row[0], row[1]

            relations = connection.execute(
                "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT relispartition"
            ).fetchall()
            return {name: digest_of(name, kind) for name, kind in relations}


@pytest.fixture(scope="module")
def databases() -> Generator[Databases]:
    with reachable_home() as home:
        cluster = Cluster(home.postgres / "platform", home.port("platform"))
        with destroyed_after(cluster):
            cluster.create("planted")
            cluster.start()
            with cluster.connect() as connection:
                for statement in (
                    "CREATE ROLE owner LOGIN PASSWORD 'planted' CREATEDB CREATEROLE BYPASSRLS",
                    "CREATE ROLE \"web app\" LOGIN PASSWORD 'planted'",
                    "CREATE ROLE backup LOGIN PASSWORD 'planted'",
                ):
                    connection.execute(statement)
            yield Databases(cluster)


@pytest.fixture(scope="module")
def sample(databases: Databases) -> str:
    databases.create("sample")
    assert databases.load("sample").loaded
    return "sample"


@pytest.fixture
def session(databases: Databases, sample: str) -> Callable[[str], psycopg.Connection]:
    """Open a session as a role; a test that fails leaves nothing behind, because none commits."""
    return lambda role: psycopg.connect(databases.uri(sample, role))


Session = Callable[[str], psycopg.Connection]


def test_the_sample_database_has_43_tables_with_everything_that_a_backup_must_carry(
    databases: Databases, sample: str
) -> None:
    def count(query: LiteralString) -> int:
        return fetch_value(databases.cluster, query, sample)

    ours: LiteralString = "FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert count(f"SELECT count(*) {ours} AND relkind IN ('r', 'p') AND NOT relispartition") == 43
    assert count(f"SELECT count(*) {ours} AND relispartition AND relkind = 'r'") == 4
    assert count(f"SELECT count(*) {ours} AND relkind = 'm'") == 1
    assert count(f"SELECT count(*) {ours} AND relkind = 'v'") == 2
    assert count(f"SELECT count(*) {ours} AND relrowsecurity") == 1
    assert count("SELECT count(*) FROM schema_migrations") == 29
    assert count("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0") == 53
    assert count("SELECT count(*) FROM pg_constraint WHERE contype = 'x'") == 2
    assert count("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 1
    assert count("SELECT count(DISTINCT tableoid) FROM audit_events") == 4
    assert count(f"SELECT count(*) {ours} AND relkind IN ('r', 'p') AND relowner <> 'owner'::regrole") == 0


def test_every_table_of_the_sample_database_has_rows(databases: Databases, sample: str) -> None:
    assert [name for name, (count, _) in databases.digest(sample).items() if count == 0] == []


def test_a_second_load_of_the_sample_data_does_nothing(databases: Databases, sample: str) -> None:
    before = databases.digest(sample)
    again = databases.load(sample, scale=3)
    assert (again.loaded, again.scale, again.rows) == (False, 1, 0)
    assert databases.digest(sample) == before


def test_the_same_scale_gives_the_same_contents_and_a_larger_one_more(
    databases: Databases, sample: str
) -> None:
    databases.create("same")
    databases.create("double")
    tables: list[str] = []
    first = databases.load("same", on_progress=tables.append)
    double = databases.load("double", scale=2)

    assert databases.digest("same") == databases.digest(sample)
    assert len(set(tables) - {"constraints"}) == 43
    assert databases.digest("double")["candidates"][0] == 2 * databases.digest("same")["candidates"][0]
    assert 1.9 < double.rows / first.rows < 2


def test_a_killed_load_leaves_nothing_and_the_next_one_works(databases: Databases) -> None:
    databases.create("killed")
    code = """
import sys
from twin.sample_app.seed import load
def on_table(table):
    print(table, flush=True)
    if table == "applications": sys.stdin.read()
uri = sys.stdin.readline().strip()
load(uri, application_role="web app", backup_role="backup", scale=5, on_progress=on_table)
"""
    loader = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert loader.stdin
    assert loader.stdout
    loader.stdin.write(databases.uri("killed") + "\n")
    loader.stdin.flush()
    wait_until(lambda: loader.stdout and loader.stdout.readline() == "applications\n")
    loader.kill()
    loader.communicate()

    assert fetch_value(databases.cluster, "SELECT to_regclass('organizations')", "killed") is None
    result = databases.load("killed")
    assert (result.loaded, result.scale) == (True, 1)


def test_sample_files_match_their_recorded_size_and_digest(databases: Databases, sample: str) -> None:
    with databases.cluster.connect(sample) as connection:
        rows = connection.execute("SELECT object_key, size_bytes, sha256 FROM files").fetchall()
        orphans = connection.execute(
            "SELECT count(*) FROM files WHERE id NOT IN (SELECT file_id FROM documents)"
        ).fetchone()
    assert {key.split("/")[0] for key, _, _ in rows} == {"cvs", "documents"}
    for key, size, digest in rows:
        assert len(file_body(key)) == size
        assert hashlib.sha256(file_body(key)).digest() == digest
    assert orphans == (0,)


def test_the_application_writes_rows_and_its_sequences_go_on(session: Session) -> None:
    with session(APPLICATION) as app:
        row = app.execute(
            "INSERT INTO candidates (given_name, family_name) VALUES ('Ada', 'L') RETURNING id, reference"
        ).fetchone()
        assert row == (201, 1000 + 7 * 200)
        app.execute("INSERT INTO applications (job_id, candidate_id, applied_at) VALUES (1, 201, now())")
        app.execute("UPDATE applications SET status = 'offer' WHERE candidate_id = 201")
        moves = app.execute(
            "SELECT from_status, to_status FROM application_moves"
            " JOIN applications ON applications.id = application_id"
            " WHERE candidate_id = 201 ORDER BY application_moves.id"
        ).fetchall()
        assert moves == [(None, "new"), ("new", "offer")]
        app.execute("DELETE FROM candidate_emails WHERE candidate_id = 7")
        app.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE messages",
        "ALTER TABLE candidates ADD extra integer",
        "CREATE TABLE mine ()",
        "TRUNCATE messages",
        "DELETE FROM schema_migrations",
        "UPDATE audit_events SET action = 'nothing happened'",
        "SELECT setval('candidate_reference', 1)",
    ],
)
def test_the_applications_role_may_not_run_statements_of_the_owner(
    session: Session, statement: LiteralString
) -> None:
    with session(APPLICATION) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)
        app.rollback()


def test_row_security_shows_a_company_its_own_messages_only(session: Session) -> None:
    with session(APPLICATION) as app:
        assert app.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        app.execute("SET app.organization_id = '2'")
        seen = app.execute("SELECT DISTINCT organization_id FROM messages").fetchall()
        assert seen == [(2,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "INSERT INTO messages (organization_id, application_id, body, sent_at)"
                " VALUES (1, 1, '', now())"
            )
        app.rollback()


def test_the_owner_cannot_rewrite_the_audit_trail_either(session: Session) -> None:
    with session("owner") as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            owner.execute("DELETE FROM audit_events")
        owner.rollback()


def test_the_backup_role_reads_everything_and_writes_nothing(session: Session) -> None:
    with session("owner") as owner:
        owner.execute("CREATE TABLE made_later AS SELECT 1 AS one")
        owner.commit()
    with session(BACKUP) as backup:
        assert backup.execute("SELECT one FROM made_later").fetchone() == (1,)
        assert backup.execute("SELECT count(*) > 0 FROM messages").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            backup.execute("INSERT INTO made_later VALUES (2)")
        backup.rollback()
    with session("owner") as owner:
        owner.execute("DROP TABLE made_later")


def test_a_dump_by_the_backup_role_restores_to_the_same_contents(
    databases: Databases, sample: str, tmp_path: Path
) -> None:
    programs, dump = wheel_root() / "bin", tmp_path / "dump"
    databases.create("restored")
    arguments = ["--enable-row-security", "--format", "custom", "--file", dump]
    subprocess.run([programs / "pg_dump", *arguments, databases.uri(sample, BACKUP)], check=True)
    subprocess.run(
        [programs / "pg_restore", "--exit-on-error", "--dbname", databases.uri("restored"), dump], check=True
    )
    assert databases.digest("restored") == databases.digest(sample)
    assert databases.load("restored").loaded is False
