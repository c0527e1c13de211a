"""`./bulwark drill` on a deployed stack: killed it leaves nothing, its numbers hold, and it can fail."""

import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from damaged_backups import Spoiler
from deployment import Deployment
from installations import Finished, Installation
from interrupted_process import Run, left_over, until
from inventory import existing, recorded, vendor_objects
from source_fingerprint import canaries, content

from recovery.drill.smoke_tests import leftovers
from twin.neon.model import Neon
from twin.vendor.store import VendorStore

KILLED_IN = (
    ("corruption", "remove"),
    ("loss", "make a new database"),
    ("loss", "start the platform"),
    ("files", "compare with the rows"),
    ("state", "preview"),
)
PLANTED = ("drill-corruption-20300101t000000z-00aa", "drill-loss-20300101t000000z-00bb")
LATE = ("SELECT written_at FROM canary", "SELECT written_at - interval '2 minutes' FROM canary")
PHASE = re.compile(r"Drilling (\w+): ((?!taking what|making the drill's|looking for).+)\n")
REACHED_IN = {
    "first query": "first_query",
    "start the platform": "health",
    "verify": "verified",
    "compare with the rows": "verified",
    "preview": "verified",
}
"""Phase of a drill -> the milestone at its end."""


@dataclass(frozen=True)
class Cleaned:
    """What `--clean` said and left after drills were killed in all of those phases."""

    said: Finished
    before: dict[str, Any]
    after: dict[str, Any]
    first: str
    """What the first of them said."""


@dataclass(frozen=True)
class Watched:
    """The next drill, of every scenario, and what was seen of it from outside."""

    text: str
    evidence: dict[str, Any]
    began: datetime
    ended: datetime
    phases: list[tuple[str, str, datetime]]
    """Scenario, phase, and when it was seen to begin; of all scenarios, in their order."""

    canaries: list[datetime]
    """Every moment at which the platform's canary was written, asked of its database meanwhile."""

    pinged: tuple[float, float]
    """When the drill's heartbeat was last heard, before and after."""


@pytest.fixture(scope="module")
def outputs(deployed: Deployment) -> dict[str, Any]:
    return deployed.installation.bulwark("outputs", "--json", "--show-secrets").json


@pytest.fixture(scope="module")
def cleaned(deployed: Deployment, outputs: dict[str, Any]) -> Cleaned:
    installation = deployed.installation
    first = killed(installation, "all", "branch the history")
    before = content(installation, outputs)
    for scenario, phase in KILLED_IN:
        killed(installation, scenario, phase)
    plant(installation)
    said = installation.bulwark("drill", "--clean")
    return Cleaned(said, before, content(installation, outputs), first)


def killed(installation: Installation, scenario: str, phase: str) -> str:
    """Kill a drill in one of its phases; return what it had said."""
    run = Run(installation, "drill", scenario)
    until(lambda: f": {phase}\n" in run.text or run.ended(), 240, phase)
    assert not run.ended(), run.text[-3_000:]
    if phase == "make a new database":
        until(lambda: plugins(installation), 60, "the vendor at work")
    run.signal(signal.SIGKILL)
    run.wait()
    return run.text


@pytest.fixture(scope="module")
def watched(deployed: Deployment, outputs: dict[str, Any], cleaned: Cleaned) -> Watched:
    assert cleaned.said.code == 0, cleaned.said.text
    installation = deployed.installation
    with canaries(outputs["backup_database_url"]) as seen:
        assert installation.bulwark("backup", "database").code == 0
        heard, began = pinged(installation), datetime.now(UTC)
        run = Run(installation, "drill")
        code, ended = run.wait(300), datetime.now(UTC)
    assert code == 0, run.text
    phases = [
        (found[1], found[2], at)
        for line, at in zip(run.lines, run.seen, strict=True)
        if (found := PHASE.fullmatch(line))
    ]
    [drill] = re.findall(r"Drill (\S+) passed", run.text)
    evidence = installation.bulwark("drills", "--drill", drill, "--json").json
    return Watched(run.text, evidence, began, ended, phases, seen, (heard, pinged(installation)))


def plugins(installation: Installation) -> list[str]:
    return [line for line in left_over(installation) if "twin.bridge_plugin" in line]


def pinged(installation: Installation) -> float:
    [beat] = [one["id"] for one in installation.resources() if one["urn"].endswith("::job-drill-heartbeat")]
    store = VendorStore(installation.home.vendors)
    try:
        found = store.get("twin", "watch", f"uptimerobot:{beat}") or {}
    finally:
        store.close()
    return float(found.get("pinged", 0))


def nothing_is_left(installation: Installation) -> None:
    assert existing(installation) == recorded(installation)
    assert vendor_objects(installation)["neon", "branch"] == 1
    folder = installation.home.root / "drill" / "local"
    assert not leftovers(str(folder))
    assert not [path for path in (folder / "files").rglob("*") if not path.is_dir()]
    assert not list((installation.home.state / ".pulumi" / "stacks" / "bulwark-drill").glob("*.json"))
    clusters = [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert len(clusters) == 1, clusters
    until(lambda: not left_over(installation), 30, "the engines of killed drills end")


def plant(installation: Installation) -> None:
    """Leave at the vendor what no state knows of, and a dump."""
    vendor = Neon(installation.home)
    project = next(iter(vendor.store.list("neon", "project")))
    branch, _ = vendor.create("branch", {"projectId": project, "name": PLANTED[0]})
    vendor.create("endpoint", {"projectId": project, "branchId": branch})
    vendor.create("project", {"name": PLANTED[1], "orgId": "org-example-00000000"})
    vendor.store.close()
    (installation.home.root / "drill" / "local" / "files" / "dump.pgc").write_bytes(b"personal data")


@contextmanager
def edited(installation: Installation, *changes: tuple[str, str]) -> Generator[None]:
    for old, new in changes:
        installation.edit("Pulumi.local.yaml", old, new)
    try:
        yield
    finally:
        for old, new in changes:
            installation.edit("Pulumi.local.yaml", new, old)


@contextmanager
def without_a_history(installation: Installation) -> Generator[None]:
    """Let the database's vendor refuse every instant to branch at."""
    store = Neon(installation.home).store
    [(project, record)] = store.list("neon", "project").items()
    store.replace("neon", "project", project, record | {"historyRetentionSeconds": -60})
    try:
        yield
    finally:
        store.replace("neon", "project", project, record)
        store.close()


@contextmanager
def without_a_file(installation: Installation) -> Generator[Path]:
    """Back the files up while one that a row refers to is gone."""
    lost = next(path for path in installation.home.files.rglob("*") if path.is_file())
    aside = lost.rename(installation.home.root / "lost")
    try:
        taken = installation.bulwark("backup", "files")
        assert taken.code == 0, taken.text
        yield lost.relative_to(installation.home.files)
    finally:
        aside.rename(lost)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_first_drill_takes_the_backups_that_nothing_has_taken_yet(cleaned: Cleaned) -> None:
    assert "There is no backup yet (database, state, files)" in cleaned.first
    assert all(f"of the {store} is in" in cleaned.first for store in ("database", "state", "files"))


def test_nothing_of_drills_that_were_killed_survives_a_clean_and_what_they_drilled_is_as_it_was(
    deployed: Deployment, cleaned: Cleaned
) -> None:
    assert cleaned.said.code == 0, cleaned.said.text
    assert all(f"{name}, which an interrupted drill had left" in cleaned.said.err for name in PLANTED)
    assert cleaned.after == cleaned.before
    nothing_is_left(deployed.installation)


def test_the_next_drill_passes_in_every_scenario_and_leaves_nothing(
    deployed: Deployment, outputs: dict[str, Any], watched: Watched
) -> None:
    evidence = watched.evidence
    assert (evidence["verdict"], evidence["faults"], evidence["leftovers"]) == ("passed", [], [])
    scenarios = {one["kind"]: one for one in evidence["scenarios"]}
    assert list(scenarios) == ["corruption", "loss", "replica", "files", "state"]
    [rows] = [one for one in scenarios["files"]["checks"] if one["name"] == "every row's file is there"]
    assert (rows["actual"], rows["outcome"]) == ("0 exceptions", "passed")
    assert "create" in scenarios["state"]["negative_control"]["found"][0]
    assert all(len(scenarios[kind]["negative_control"]["found"]) >= 3 for kind in list(scenarios)[:4])
    assert all(thing["gone"] for one in scenarios.values() for thing in one["teardown"])
    nothing_is_left(deployed.installation)
    password = outputs["backup_database_url"].split(":", 2)[2].split("@")[0]
    assert password not in watched.text + str(evidence)


def test_its_times_are_within_those_of_a_stopwatch_beside_it(watched: Watched) -> None:
    evidence, scenarios = watched.evidence, watched.evidence["scenarios"]
    assert watched.began < moment(evidence["started"]) < moment(evidence["finished"]) < watched.ended
    told = [(one, phase) for one in scenarios for phase in one["phases"]]
    assert [(one["kind"], phase["name"]) for one, phase in told] == [line[:2] for line in watched.phases]
    # Each phase has ended, and its time was taken, before the next one was seen to begin.
    for (one, phase), (_, _, following) in zip(
        told, [*watched.phases[1:], ("", "", watched.ended)], strict=True
    ):
        passed = (following - moment(one["declared"])).total_seconds()
        assert 0 <= phase["offset_seconds"] <= phase["offset_seconds"] + phase["seconds"] < passed
        assert moment(phase["started"]) + timedelta(seconds=phase["seconds"]) < following
        if milestone := one["times"].get(REACHED_IN.get(phase["name"], "")):
            assert phase["offset_seconds"] < milestone["seconds"] < passed
    assert all(set(one["times"]) <= set(REACHED_IN.values()) for one in scenarios)


def test_what_was_lost_is_what_direct_sql_says(watched: Watched) -> None:
    databases = [one for one in watched.evidence["scenarios"] if one["stores"] == ["database"]]
    assert len(databases) == 3
    for one in databases:
        newest, shown = moment(one["newest_change"]), moment(one["recovery_point"]["as_of"])
        # The last one before that moment, but what was written just before it may have come in just after it.
        assert newest in watched.canaries
        assert not [at for at in watched.canaries if newest < at < shown - timedelta(seconds=1)]
        assert newest <= shown
        assert moment(one["incident"]) - newest == timedelta(seconds=one["loss"]["seconds"])


def test_it_has_verified_the_backups_that_it_restored_and_its_heartbeat_was_heard(
    deployed: Deployment, watched: Watched
) -> None:
    assert "monitor not reached" not in watched.text
    before, after = watched.pinged
    assert watched.began.timestamp() < after <= watched.ended.timestamp()
    assert before < after
    points = {one["recovery_point"]["id"] for one in watched.evidence["scenarios"]}
    listed = deployed.installation.bulwark("backups", "--json").json
    assert {(one["store"], one["how"]) for one in listed if one["id"] in points} == {
        ("database", "drill"),
        ("files", "drill"),
        ("state", "drill"),
    }


@pytest.mark.usefixtures("watched")
def test_one_that_is_interrupted_while_it_gets_ready_removes_what_it_made(deployed: Deployment) -> None:
    run = Run(deployed.installation, "drill", "corruption")
    until(lambda: "making the drill's stack ready" in run.text or run.ended(), 60, "the engine's start")
    run.signal(signal.SIGINT, group=True)
    assert run.wait() == 130, run.text
    nothing_is_left(deployed.installation)


def test_whatever_is_wrong_is_found_and_named_and_the_heartbeat_stays_silent(
    deployed: Deployment, outputs: dict[str, Any], watched: Watched
) -> None:
    installation, spoiler = deployed.installation, Spoiler(deployed.installation, outputs)
    failed: dict[str, str] = {}

    def drilled(*arguments: str) -> str:
        ended = installation.bulwark("drill", *arguments)
        assert ended.code == 1, ended.text
        [drill] = re.findall(r"Drill (\S+) failed", ended.out)
        failed[drill] = " ".join(ended.out.split())
        return failed[drill]

    other_content = drilled("loss", "--backup", spoiler.other_content().id)
    for what in (
        r"loss: data loss of 3,456,\d{3}\.\d s misses the objective of 97,200 s",
        r'Table "public"\."locations" has \d+ rows, as expected, but not the same ones\.',
        r'Table "public"\."interview_feedback" is missing',
        r"The grants are not defined as expected\.",
    ):
        assert re.search(what, other_content), other_content
    other_bytes = drilled("loss", "--backup", spoiler.other_bytes().id)
    digest = spoiler.good.dump.sha256
    assert re.search(rf"is damaged: its SHA-256 is [0-9a-f]{{64}}, and {digest} was stored", other_bytes)
    with edited(installation, ("recovery_point_minutes: 60", "recovery_point_minutes: 1"), LATE):
        late = drilled("corruption")
    assert re.search(r"corruption: data loss of 12\d\.\d s misses the objective of 60 s", late), late
    with without_a_history(installation):
        refused = drilled("corruption")
    assert "corruption: broke off: The throw-away stack could not be made: Neon: " in refused
    assert "parent_timestamp is outside the history" in refused
    with without_a_file(installation) as lost:
        gone = drilled("files")
    assert f"every row's file is there: expected 0 exceptions, found 1 exceptions: {lost}" in gone

    assert pinged(installation) == watched.pinged[1]
    kept = {one["id"]: one for one in installation.bulwark("drills", "--json").json["drills"]}
    assert {kept[drill]["verdict"] for drill in failed} == {"failed"}
    nothing_is_left(installation)
