"""Drills on real servers: recovery is exact to the transaction, and a damaged backup fails the drill."""

import re
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from drill_platform import (
    APPLICATION,
    ROLE,
    ServerEnvironment,
    create_platform,
    create_role,
    drill_context,
)
from servers import PASSWORD, create_database, database_url, drop_database
from vaults import ProxiedVault, back_up_database

from core import vault_layout
from postgres_server.cluster import Cluster
from recovery.drill import corruption, loss
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.negative_control import damage_and_verify
from recovery.drill.receiving_server import ReceivingServer, mark_of
from recovery.drill.safety import new_name
from recovery.drill.spec import Application, Assertion, DrillObjectives
from recovery.manifest import Manifest
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import take_snapshot
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("drill-platform")

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def platform(servers_home: TwinHome) -> Generator[tuple[Cluster, str]]:
    server = Cluster(servers_home.postgres / "drilled", servers_home.port("drilled"))
    server.create(PASSWORD)
    server.start()
    try:
        yield server, create_platform(server)
    finally:
        server.destroy()


@pytest.fixture
def environment(
    platform: tuple[Cluster, str], other_cluster: Cluster, servers_home: TwinHome, tmp_path: Path
) -> ServerEnvironment:
    return ServerEnvironment(platform[0], other_cluster, tmp_path, servers_home.port("drilled-branch"))


@pytest.fixture
def url(platform: tuple[Cluster, str]) -> str:
    return platform[1]


def checksums_of(url: str) -> Any:
    with take_snapshot(url) as shot:
        return compute_checksums(url, shot)


def test_a_corruption_is_undone_right_to_the_transaction(url: str, environment: ServerEnvironment) -> None:
    stop = threading.Event()
    done: list[tuple[int, datetime, datetime]] = []

    def commit_again_and_again() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.002):
                row = connection.execute(
                    "INSERT INTO public.orders VALUES (%s) RETURNING ordered_at", (len(done) + 1,)
                ).fetchone()
                after = connection.execute("SELECT clock_timestamp()").fetchone()
                assert row
                assert after
                done.append((len(done) + 1, row[0], after[0]))

    writer = threading.Thread(target=commit_again_and_again)
    writer.start()
    time.sleep(1.5)
    environment.probe = "SELECT number FROM public.orders WHERE number > 0 ORDER BY number"
    try:
        scenario = corruption.drill(drill_context(environment, url), [], history=DAY)
    finally:
        stop.set()
        writer.join()
    assert scenario.verdict == "passed", scenario.faults
    recovered = [number for (number,) in environment.seen["probe"]]
    assert recovered == list(range(1, len(recovered) + 1))
    assert set(recovered) >= {number for number, _, after in done if after <= scenario.incident}
    assert not {number for number, before, _ in done if before > scenario.incident} & set(recovered)
    assert len(done) > len(recovered) > 100
    assert scenario.loss.seconds is not None
    assert 0 <= scenario.loss.seconds < 0.5
    busy = [one.what for one in scenario.not_tested if one.what.startswith("every row of ")]
    assert busy in ([], ["every row of public.orders"])


def test_a_past_moment_is_recovered_without_the_bad_write_and_compared_with_the_backups_around_it(
    url: str, environment: ServerEnvironment, locked_vault: ProxiedVault
) -> None:
    before = back_up_database(url, locked_vault.client)
    time.sleep(1.1)
    drawn = corruption.drill(drill_context(environment, url), [before], history=DAY, at_random=True)
    assert drawn.verdict == "passed", drawn.faults
    assert drawn.recovery_point
    assert before.snapshot_at < drawn.recovery_point.as_of <= datetime.now(UTC)
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row
        connection.execute("UPDATE public.notes SET body = 'overwritten'")
    try:
        scenario = corruption.drill(drill_context(environment, url), [before], history=DAY, at=row[0])
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE public.notes SET body = 'note ' || id")
    assert scenario.verdict == "passed", scenario.faults
    assert scenario.recovery_point
    assert scenario.recovery_point.as_of < row[0]


def test_a_branch_with_other_content_fails_the_corruption_drill(
    url: str, environment: ServerEnvironment
) -> None:
    environment.damage = "UPDATE public.notes SET body = 'x' WHERE id = 77; DROP TABLE public.tags"
    scenario = corruption.drill(drill_context(environment, url), [], history=DAY)
    assert 'Table "public"."notes" has 500 rows, as expected, but not the same ones.' in " ".join(
        scenario.faults
    )
    assert 'Table "public"."tags" is missing' in " ".join(scenario.faults)


def test_a_loss_is_undone_from_the_vault_alone_and_the_source_stays_as_it_is(
    url: str, environment: ServerEnvironment, locked_vault: ProxiedVault
) -> None:
    was = checksums_of(url)
    back_up_database(url, locked_vault.client)
    manifest = back_up_database(url, locked_vault.client)
    scenario = loss.drill(drill_context(environment, url), locked_vault.client, "primary")
    assert scenario.verdict == "passed", scenario.faults
    assert scenario.recovery_point
    assert (scenario.recovery_point.id, scenario.recovery_point.choice) == (manifest.id, "newest")
    assert scenario.recovery_point.held
    assert scenario.recovery_point.held.lock_mode == "GOVERNANCE"
    assert scenario.negative_control
    assert len(scenario.negative_control.found) >= 3
    assert set(scenario.times) == {"first_query", "health", "verified"}
    assert checksums_of(url) == was
    drawn = loss.drill(drill_context(environment, url), locked_vault.client, "replica", at_random=True)
    assert drawn.verdict == "passed", drawn.faults
    assert drawn.kind == "replica"


def test_a_tampered_backup_fails_the_drill_and_each_fault_is_named(
    url: str, environment: ServerEnvironment, locked_vault: ProxiedVault
) -> None:
    good = back_up_database(url, locked_vault.client)

    def tamper(statement: str, undo: str) -> Manifest:
        """Back up a changed database; the manifest claims the unchanged checksums and a longer lock."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
            try:
                made = back_up_database(url, locked_vault.client)
            finally:
                connection.execute(undo.encode())
        assert made.cluster.locked_until
        longer = made.cluster.model_copy(update={"locked_until": made.cluster.locked_until + 9 * DAY})
        return store_changed(made, figures=good.figures, cluster=longer)

    def store_changed(manifest: Manifest, **changes: Any) -> Manifest:
        made = manifest.model_copy(update={"id": vault_layout.new_id(datetime.now(UTC)), **changes})
        locked_vault.client.put(made.key, made.model_dump_json().encode())
        return made

    def find_faults(backup: Manifest, **spec: Any) -> str:
        scenario = loss.drill(
            drill_context(environment, url, **spec), locked_vault.client, "primary", backup=backup.id
        )
        assert scenario.verdict == "failed"
        assert all(one.gone for one in scenario.teardown)
        return "\n".join(scenario.faults)

    faults = find_faults(
        tamper(
            "UPDATE public.notes SET body = 'tampered' WHERE id = 3;"
            "REVOKE SELECT ON public.notes FROM shop_app",
            "UPDATE public.notes SET body = 'note 3' WHERE id = 3;GRANT SELECT ON public.notes TO shop_app",
        ),
        application=replace(APPLICATION, ready_within_seconds=2),
    )
    for what in (
        'Table "public"."notes" has 500 rows, as expected, but not the same ones.',
        "The grants are not defined as expected.",
        "there are notes could not run: permission denied for table notes",
        "the platform's health could not run",
        "cluster.json is held: expected",
    ):
        assert what in faults
    hidden = tamper("ALTER TABLE public.tags RENAME TO hidden", "ALTER TABLE public.hidden RENAME TO tags")
    faults = find_faults(hidden)
    assert "it has no table public.tags and the table public.hidden, which the manifest does not" in faults
    digest = good.dump.model_copy(update={"sha256": "0" * 64})
    assert "broke off: " in find_faults(store_changed(good, dump=digest))


def test_a_stale_backup_a_missed_objective_and_a_check_that_cannot_run_fail_the_drill(
    url: str, environment: ServerEnvironment, locked_vault: ProxiedVault
) -> None:
    manifest = back_up_database(url, locked_vault.client)

    def find_faults(**spec: Any) -> list[str]:
        scenario = loss.drill(drill_context(environment, url, **spec), locked_vault.client, "primary")
        assert scenario.verdict == "failed"
        return list(scenario.faults)

    tight = DrillObjectives(recovery=0.01, critical=0.001, history_loss=1, vault_loss=1e-6)
    assert [fault.split(" of ")[0] for fault in find_faults(objectives=tight)] == [
        "data loss",
        "time to first query",
        "time to verified",
        "time to health",
    ]
    ended = Application(("false",), "http://127.0.0.1:{port}/", "X", 5)
    stuck = find_faults(newest_change="SELECT 'yesterday'::text")
    assert stuck[0].startswith("broke off: The query for the newest change gives no time")
    old = "SELECT max(ordered_at) - interval '2 days' FROM public.orders"
    stale = " ".join(find_faults(application=ended, newest_change=old))
    assert re.match(r"data loss of 17\d,\d{3}\.\d s misses the objective of 86,400 s", stale)
    assert "exit code 1" in stale
    assert (
        loss.drill(
            drill_context(environment, url), locked_vault.client, "primary", backup="20300101T000000Z-0000"
        )
        .faults[0]
        .startswith("broke off: There is no backup 20300101T000000Z-0000")
    )
    assert manifest.id


def test_a_drill_that_was_led_to_the_platforms_own_database_touches_nothing(
    url: str, environment: ServerEnvironment, locked_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up_database(url, locked_vault.client)
    was = checksums_of(url)
    misled = ServerEnvironment(environment.source, environment.source, environment.folder, environment.port)
    monkeypatch.setattr("drill_platform.create_database", lambda *_: None)
    monkeypatch.setattr("drill_platform.drop_database", lambda *_: None)
    scenario = loss.drill(drill_context(misled, url), locked_vault.client, "primary")
    assert scenario.error.startswith("The drill's target is the database that the platform runs on.")
    assert checksums_of(url) == was


@pytest.fixture
def staging(other_cluster: Cluster) -> Generator[str]:
    """Give the owner's address of another environment's database, with data of its own."""
    create_database(other_cluster, "staging")
    address = database_url(other_cluster, "staging")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE own AS SELECT 1 AS id")
        create_role(connection)
    yield address
    drop_database(other_cluster, "staging")


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def receive(url: str, staging: str, folder: Path) -> ReceivingServer:
    application = staging.replace(urlsplit(staging).netloc.partition("@")[0], f"{ROLE}:{PASSWORD}")
    return ReceivingServer(
        folder, stack="staging", owner_url=staging, application_url=application, source_url=url
    )


def test_a_backup_replaces_another_environments_database_when_everything_was_compared(
    url: str, staging: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    was = checksums_of(url)
    manifest = back_up_database(url, locked_vault.client)
    query_mark = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'staging'"
    with psycopg.connect(staging, autocommit=True) as connection:
        connection.execute(f"COMMENT ON DATABASE staging IS '{mark_of('staging')}'".encode())
    server = receive(url, staging, tmp_path)
    context = drill_context(server, url)
    failed = loss.drill(
        replace(context, spec=replace(context.spec, assertions=(Assertion("a lie", "SELECT 1", "2"),))),
        locked_vault.client,
        "primary",
    )
    assert failed.verdict == "failed"
    assert query(staging, "SELECT id FROM own") == [(1,)]
    with psycopg.connect(staging):
        in_use = loss.drill(context, locked_vault.client, "primary")
    assert "Somebody is connected to the database staging" in in_use.error
    assert query(staging, "SELECT id FROM own") == [(1,)]
    passed = loss.drill(context, locked_vault.client, "primary")
    assert passed.verdict == "passed", passed.faults
    assert "it is the database staging of the stack staging now" in passed.deviations
    assert checksums_of(staging).tables == manifest.figures.tables
    assert query(staging, query_mark) == [(mark_of("staging"),)]
    assert server.list_databases() == []
    assert checksums_of(url) == was


def test_a_database_that_may_not_be_replaced_is_not_touched(
    url: str, staging: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    back_up_database(url, locked_vault.client)
    was, own = checksums_of(url), checksums_of(staging)
    for target, mark, why in (
        (staging, None, "does not say itself that drills may replace it"),
        (staging, mark_of("other"), "does not say itself that drills may replace it"),
        (url, mark_of("staging"), "is the one that the backups are of"),
    ):
        with psycopg.connect(target, autocommit=True) as connection:
            name = connection.info.dbname
            comment = f"'{mark}'" if mark else "NULL"
            connection.execute(f"COMMENT ON DATABASE {name} IS {comment}".encode())
        server = receive(url, target, tmp_path)
        scenario = loss.drill(drill_context(server, url), locked_vault.client, "primary")
        assert why in scenario.error
        assert server.list_databases() == []
    query_unmark = "COMMENT ON DATABASE shop IS NULL"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query_unmark.encode())
    assert (checksums_of(url), checksums_of(staging)) == (was, own)


def test_damage_to_the_one_table_of_numbers_is_found(other_cluster: Cluster) -> None:
    create_database(other_cluster, "numbers")
    address = database_url(other_cluster, "numbers")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE one AS SELECT generate_series(1, 3) AS id")
        connection.execute("ALTER TABLE one ADD PRIMARY KEY (id)")
    try:
        database = RecoveredDatabase(new_name("loss", datetime.now(UTC)), "", address, address)
        control, check = damage_and_verify(database, "", checksums_of(address), "")
        assert (check.outcome, check.actual) == ("passed", "3 of 3 found")
        assert any(line.endswith("but not the same ones.") for line in control.found)
    finally:
        drop_database(other_cluster, "numbers")
