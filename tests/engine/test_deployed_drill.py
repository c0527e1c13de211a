"""`./bulwark drill` on a deployed stack passes with numbers that hold, and leaves nothing, even killed."""

import signal
import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
from deployment import Deployment
from installations import Installation
from interrupting import Run, left_over, until
from inventory import existing, recorded, vendor_objects

from local.vendors.neon import Neon
from recovery.drill.application import leftovers
from recovery.postgres.figures import figures
from recovery.postgres.snapshot import snapshot

KILLED_IN = (
    ("corruption", "branch the history"),
    ("corruption", "start the platform"),
    ("loss", "make a new database"),
    ("loss", "restore"),
    ("loss", "remove"),
)

PLANTED = ("drill-corruption-20300101t000000z-00aa", "drill-loss-20300101t000000z-00bb")


def source(installation: Installation) -> str:
    return installation.bulwark("outputs", "--json", "--show-secrets").json["backup_database_url"]


def content(url: str) -> Any:
    """Return the figures of all that nobody writes to meanwhile."""
    with snapshot(url) as shot:
        found = figures(url, shot)
    return found.model_copy(update={"tables": tuple(one for one in found.tables if one.name != "canary")})


def plugins(installation: Installation) -> list[str]:
    return [line for line in left_over(installation) if "local.plugins.bridge" in line]


def nothing_is_left(installation: Installation) -> None:
    found = existing(installation)
    found.pop(("sentry", "issue"), None)  # a drill that failed is told
    assert found == recorded(installation)
    assert vendor_objects(installation)["neon", "branch"] == 1
    folder = installation.home.root / "drill" / "local"
    assert not leftovers(str(folder))
    assert not [path for path in (folder / "files").rglob("*") if not path.is_dir()]
    assert not list((installation.home.state / ".pulumi" / "stacks" / "bulwark-drill").glob("*.json"))
    clusters = [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert len(clusters) == 1, clusters


def plant(installation: Installation) -> None:
    """Leave at the vendor what no state knows of, and a dump."""
    vendor = Neon(installation.home)
    project = next(iter(vendor.store.list("neon", "project")))
    branch, _ = vendor.create("branch", {"projectId": project, "name": PLANTED[0]})
    vendor.create("endpoint", {"projectId": project, "branchId": branch})
    vendor.create("project", {"name": PLANTED[1], "orgId": "org-example-00000000"})
    vendor.store.close()
    (installation.home.root / "drill" / "local" / "files" / "dump.pgc").write_bytes(b"personal data")


def test_every_scenario_passes_with_numbers_that_a_stopwatch_and_direct_sql_confirm(
    deployed: Deployment,
) -> None:
    installation = deployed.installation
    url = source(installation)
    was = content(url)
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT written_at FROM canary").fetchone()
        assert row
    backup = installation.bulwark("backup", "--json").json["database"]
    begin = time.monotonic()
    ended = installation.bulwark("drill", "--json", timeout_seconds=300)
    took = time.monotonic() - begin
    assert ended.code == 0, ended.text
    assert "monitor not reached" not in ended.err
    evidence = ended.json
    assert (evidence["verdict"], evidence["leftovers"]) == ("passed", [])
    kinds = ["corruption", "loss", "replica", "files", "state"]
    assert [one["kind"] for one in evidence["scenarios"]] == kinds
    corruption, *restored, files, state = evidence["scenarios"]
    [rows] = [check for check in files["checks"] if check["name"] == "every row's file is there"]
    assert (rows["actual"], rows["outcome"]) == ("0 exceptions", "passed")
    assert len(files["negative_control"]["found"]) == 3
    assert state["loss"]["seconds"] == 0
    assert "create" in state["negative_control"]["found"][0]
    assert 0 <= corruption["loss"]["seconds"] < 5
    for one in restored:
        newest, incident = (datetime.fromisoformat(one[name]) for name in ("newest_change", "incident"))
        assert row[0] <= newest <= datetime.fromisoformat(backup["snapshot_at"])
        assert incident - newest == timedelta(seconds=one["loss"]["seconds"])
    assert sum(phase["seconds"] for one in evidence["scenarios"] for phase in one["phases"]) < took
    for one in (corruption, *restored):
        first, healthy, verified = (
            one["times"][name]["seconds"] for name in ("first_query", "health", "verified")
        )
        assert 0 < first < healthy < verified < took
        assert len(one["negative_control"]["found"]) >= 3
        assert all(thing["gone"] for thing in one["teardown"])
    nothing_is_left(installation)
    assert content(url) == was
    failed = installation.bulwark("drill", "loss", "--backup", "20300101T000000Z-0000", "--json")
    assert failed.code == 1
    assert failed.json["faults"][0] == "loss: broke off: There is no whole backup 20300101T000000Z-0000."
    listed = installation.bulwark("drills", "--json").out
    assert all(one.json["identity"]["id"] in listed for one in (ended, failed))
    for nonsense in (
        ("loss", "--at", "2026-01-01"),
        ("all", "--backup", "x"),
        ("loss", "--random", "--backup", "x"),
    ):
        refused = installation.bulwark("drill", *nonsense)
        assert (refused.code, "Next: " in refused.err) == (1, True), refused.text
    passwords = [url.split(":", 2)[2].split("@")[0]]
    assert not any(password in ended.text for password in passwords)


def test_a_drill_that_is_killed_anywhere_leaves_nothing_that_the_next_one_does_not_remove(
    deployed: Deployment,
) -> None:
    installation = deployed.installation
    url = source(installation)
    was = content(url)
    assert installation.bulwark("backup").code == 0
    for scenario, phase in KILLED_IN:
        run = Run(installation, "drill", scenario)
        until(lambda run=run, phase=phase: phase in run.text or run.ended(), 120, phase)
        assert not run.ended(), run.text[-3_000:]
        if phase in {"branch the history", "make a new database"}:
            until(lambda: plugins(installation), 60, "the vendor at work")
        run.signal(signal.SIGKILL)
        run.wait()
    plant(installation)
    cleaned = installation.bulwark("drill", "--clean")
    assert cleaned.code == 0, cleaned.text
    assert "left" in cleaned.text
    assert all(name in cleaned.text for name in PLANTED), cleaned.text
    nothing_is_left(installation)
    assert content(url) == was
    passed = installation.bulwark("drill", "corruption", "--json")
    assert passed.code == 0, passed.text
    assert passed.json["leftovers"] == []
    nothing_is_left(installation)
