"""Drills on real servers: what comes back is right to the transaction, and a drill can fail."""

import re
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from drill_platform import TERMS, Servers, drilled, fill
from servers import PASSWORD
from vaults import Place, backed_up

from core import vault_layout
from postgres_server.cluster import Cluster
from recovery.drill import corruption, loss
from recovery.drill.evidence import Scenario
from recovery.drill.terms import Application, DrillObjectives
from recovery.manifest import Manifest
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import snapshot
from twin.host.home import TwinHome

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def platform(servers_home: TwinHome) -> Generator[tuple[Cluster, str]]:
    server = Cluster(servers_home.postgres / "drilled", servers_home.port("drilled"))
    server.create(PASSWORD)
    server.start()
    try:
        yield server, fill(server)
    finally:
        server.destroy()


@pytest.fixture
def place(
    platform: tuple[Cluster, str], other_cluster: Cluster, servers_home: TwinHome, tmp_path: Path
) -> Servers:
    return Servers(platform[0], other_cluster, tmp_path, servers_home.port("drilled-branch"))


@pytest.fixture
def url(platform: tuple[Cluster, str]) -> str:
    return platform[1]


def content(url: str) -> Any:
    with snapshot(url) as shot:
        return compute_checksums(url, shot)


def failed(scenario: Scenario) -> dict[str, str]:
    return {check.name: check.actual or check.why for check in scenario.checks if check.outcome != "passed"}


def test_a_corruption_is_undone_right_to_the_transaction(url: str, place: Servers) -> None:
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
    place.probe = "SELECT number FROM public.orders WHERE number > 0 ORDER BY number"
    try:
        scenario = corruption.drill(drilled(place, url), [], history=DAY)
    finally:
        stop.set()
        writer.join()
    assert scenario.verdict == "passed", scenario.faults
    recovered = [number for (number,) in place.seen["probe"]]
    assert recovered == list(range(1, len(recovered) + 1))
    assert set(recovered) >= {number for number, _, after in done if after <= scenario.incident}
    assert not {number for number, before, _ in done if before > scenario.incident} & set(recovered)
    assert len(done) > len(recovered) > 100
    assert scenario.loss.seconds is not None
    assert 0 <= scenario.loss.seconds < 0.5
    busy = [one.what for one in scenario.not_tested if one.what.startswith("every row of ")]
    assert busy in ([], ["every row of public.orders"])


def test_a_past_moment_is_recovered_without_the_bad_write_and_compared_with_the_backups_around_it(
    url: str, place: Servers, locked: Place
) -> None:
    before = backed_up(url, locked.vault)
    time.sleep(1.1)
    drawn = corruption.drill(drilled(place, url), [before], history=DAY, at_random=True)
    assert drawn.verdict == "passed", drawn.faults
    assert drawn.recovery_point
    assert before.snapshot_at < drawn.recovery_point.as_of <= datetime.now(UTC)
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row
        connection.execute("UPDATE public.notes SET body = 'overwritten'")
    try:
        scenario = corruption.drill(drilled(place, url), [before], history=DAY, at=row[0])
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE public.notes SET body = 'note ' || id")
    assert scenario.verdict == "passed", scenario.faults
    assert scenario.recovery_point
    assert scenario.recovery_point.as_of < row[0]


def test_a_branch_that_is_not_what_was_there_is_found(url: str, place: Servers) -> None:
    place.damage = "UPDATE public.notes SET body = 'x' WHERE id = 77; DROP TABLE public.tags"
    scenario = corruption.drill(drilled(place, url), [], history=DAY)
    assert 'Table "public"."notes" has 500 rows, as expected, but not the same ones.' in " ".join(
        scenario.faults
    )
    assert 'Table "public"."tags" is missing' in " ".join(scenario.faults)


def test_a_loss_is_undone_from_the_vault_alone_and_the_source_stays_as_it_is(
    url: str, place: Servers, locked: Place
) -> None:
    was = content(url)
    backed_up(url, locked.vault)
    made = backed_up(url, locked.vault)
    scenario = loss.drill(drilled(place, url), locked.vault, "primary")
    assert scenario.verdict == "passed", scenario.faults
    assert scenario.recovery_point
    assert (scenario.recovery_point.id, scenario.recovery_point.choice) == (made.id, "newest")
    assert scenario.recovery_point.held
    assert scenario.recovery_point.held.lock_mode == "GOVERNANCE"
    assert scenario.negative_control
    assert len(scenario.negative_control.found) >= 3
    assert set(scenario.times) == {"first_query", "health", "verified"}
    assert content(url) == was
    drawn = loss.drill(drilled(place, url), locked.vault, "replica", at_random=True)
    assert drawn.verdict == "passed", drawn.faults
    assert drawn.kind == "replica"


def test_what_is_wrong_with_a_backup_fails_the_drill_and_is_named(
    url: str, place: Servers, locked: Place
) -> None:
    good = backed_up(url, locked.vault)

    def tampered(statement: str, undo: str) -> Manifest:
        """Back up a changed database; the manifest says what the unchanged one had, and of longer locks."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
            try:
                made = backed_up(url, locked.vault)
            finally:
                connection.execute(undo.encode())
        assert made.cluster.locked_until
        longer = made.cluster.model_copy(update={"locked_until": made.cluster.locked_until + 9 * DAY})
        return forged(made, figures=good.figures, cluster=longer)

    def forged(manifest: Manifest, **changes: Any) -> Manifest:
        made = manifest.model_copy(update={"id": vault_layout.new_id(datetime.now(UTC)), **changes})
        locked.vault.put(made.key, made.model_dump_json().encode())
        return made

    def told(backup: Manifest, **terms: Any) -> str:
        scenario = loss.drill(drilled(place, url, **terms), locked.vault, "primary", backup=backup.id)
        assert scenario.verdict == "failed"
        assert all(one.gone for one in scenario.teardown)
        return "\n".join(scenario.faults)

    faults = told(
        tampered(
            "UPDATE public.notes SET body = 'tampered' WHERE id = 3;"
            "ALTER TABLE public.tags RENAME TO hidden;"
            "REVOKE SELECT ON public.notes FROM shop_app",
            "UPDATE public.notes SET body = 'note 3' WHERE id = 3;"
            "ALTER TABLE public.hidden RENAME TO tags;"
            "GRANT SELECT ON public.notes TO shop_app",
        ),
        application=replace(TERMS.application, ready_within_seconds=2),
    )
    for what in (
        'Table "public"."notes" has 500 rows, as expected, but not the same ones.',
        'Table "public"."tags" is missing; 2 rows were expected.',
        "The grants are not defined as expected.",
        "there are notes could not run: permission denied for table notes",
        "the platform's health could not run",
        "cluster.json is held: expected",
    ):
        assert what in faults
    digest = good.dump.model_copy(update={"sha256": "0" * 64})
    assert "broke off: " in told(forged(good, dump=digest))


def test_a_stale_backup_a_missed_objective_and_a_check_that_cannot_run_fail_the_drill(
    url: str, place: Servers, locked: Place
) -> None:
    made = backed_up(url, locked.vault)

    def told(**terms: Any) -> list[str]:
        scenario = loss.drill(drilled(place, url, **terms), locked.vault, "primary")
        assert scenario.verdict == "failed"
        return list(scenario.faults)

    tight = DrillObjectives(recovery=0.01, critical=0.001, history_loss=1, vault_loss=1e-6)
    assert [fault.split(" of ")[0] for fault in told(objectives=tight)] == [
        "data loss",
        "time to first query",
        "time to verified",
        "time to health",
    ]
    ended = Application(("false",), "http://127.0.0.1:{port}/", "X", 5)
    stuck = told(newest_change="SELECT 'yesterday'::text")
    assert stuck[0].startswith("broke off: The query for the newest change gives no time")
    old = "SELECT max(ordered_at) - interval '2 days' FROM public.orders"
    stale = " ".join(told(application=ended, newest_change=old))
    assert re.match(r"data loss of 17\d,\d{3}\.\d s misses the objective of 86,400 s", stale)
    assert "exit code 1" in stale
    assert (
        loss.drill(drilled(place, url), locked.vault, "primary", backup="20300101T000000Z-0000")
        .faults[0]
        .startswith("broke off: There is no whole backup 20300101T000000Z-0000")
    )
    assert made.id


def test_a_drill_that_was_led_to_the_platforms_own_database_touches_nothing(
    url: str, place: Servers, locked: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up(url, locked.vault)
    was = content(url)
    misled = Servers(place.source, place.source, place.folder, place.port)
    monkeypatch.setattr("drilling.create_database", lambda *_: None)
    monkeypatch.setattr("drilling.drop_database", lambda *_: None)
    scenario = loss.drill(drilled(misled, url), locked.vault, "primary")
    assert scenario.error.startswith("The drill's target is the database that the platform runs on.")
    assert content(url) == was
