"""`./bulwark drill` on a deployed stack: a killed one leaves nothing, its numbers are right, it can fail."""

import json
import re
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from damaged_backups import DamagedBackups
from deployment import Deployment
from installations import CommandResult, Installation
from interrupted_process import RunningCommand, find_leftovers, wait_until
from inventory import count_existing, count_recorded, count_vendor_objects
from readme_output import find_differences, read_block
from received_alarms import no_alarms
from role_clients import hidden_state, job_environment
from sampling import Draw
from source_fingerprint import take_fingerprint, watch_canary

from recovery.drill.smoke_tests import find_leftover_processes
from twin.neon.model import Neon
from twin.vendor.store import VendorStore

pytestmark = [pytest.mark.shares("deployed"), pytest.mark.scenario("a deployed stack")]

KILLED_PHASES = (
    ("corruption", "remove"),
    ("loss", "make a new database"),
    ("loss", "start the platform"),
    ("files", "compare with the rows"),
    ("state", "preview"),
)
PLANTED = ("drill-corruption-20300101t000000z-00aa", "drill-loss-20300101t000000z-00bb")
LATE = ("SELECT written_at FROM canary", "SELECT written_at - interval '2 minutes' FROM canary")
PHASE = re.compile(r"Drilling (\w+): ((?!taking the checksums|making the drill's|looking for).+)\n")
MILESTONES = {
    "first query": "first_query",
    "start the platform": "health",
    "verify": "verified",
    "compare with the rows": "verified",
    "preview": "verified",
}
"""Phase of a drill -> the milestone at its end."""


@dataclass(frozen=True)
class CleanedDrills:
    """The run of `drill --clean` after drills were killed in all of KILLED_PHASES."""

    command: CommandResult
    before: dict[str, Any]
    after: dict[str, Any]
    first_output: str
    """Output of the first of the killed drills."""


@dataclass(frozen=True)
class ObservedDrill:
    """The next drill, of every scenario, observed from outside."""

    text: str
    evidence: dict[str, Any]
    started: datetime
    ended: datetime
    phases: list[tuple[str, str, datetime]]
    """Scenario, phase, and the time at which its line was read, in order."""

    canaries: list[datetime]
    """Every time at which the platform's canary was written during the drill."""

    heartbeats: tuple[float, float]
    """Unix time of the last heartbeat of drills, before and after."""


@pytest.fixture(scope="module")
def outputs(deployed: Deployment) -> dict[str, Any]:
    return deployed.installation.bulwark("outputs", "--json", "--show-secrets").json


@pytest.fixture(scope="module")
def cleaned_drills(deployed: Deployment, outputs: dict[str, Any], draw: Draw) -> CleanedDrills:
    installation = deployed.installation
    first = kill_drill(installation, "all", "branch the history")
    before = take_fingerprint(installation, outputs)
    for scenario, phase in draw("drills killed in a phase", KILLED_PHASES, 1):
        kill_drill(installation, scenario, phase)
    leave_orphans(installation)
    command = installation.bulwark("drill", "--clean")
    return CleanedDrills(command, before, take_fingerprint(installation, outputs), first)


def kill_drill(installation: Installation, scenario: str, phase: str) -> str:
    """Kill a drill in one of its phases; return its output."""
    run = RunningCommand(installation, "drill", scenario)
    wait_until(lambda: f": {phase}\n" in run.text or run.has_ended(), 240, phase)
    assert not run.has_ended(), run.text[-3_000:]
    if phase == "make a new database":
        wait_until(lambda: find_plugins(installation), 60, "the vendor at work")
    run.signal(signal.SIGKILL)
    run.wait()
    return run.text


@pytest.fixture(scope="module")
def observed_drill(
    deployed: Deployment, outputs: dict[str, Any], cleaned_drills: CleanedDrills
) -> ObservedDrill:
    assert cleaned_drills.command.code == 0, cleaned_drills.command.text
    installation = deployed.installation
    with no_alarms(installation.home), watch_canary(outputs["database_urls"]["database"]["backup"]) as seen:
        assert installation.bulwark("backup", "database").code == 0
        before, began = last_heartbeat(installation), datetime.now(UTC)
        run = RunningCommand(installation, "drill")
        code, ended = run.wait(300), datetime.now(UTC)
    assert code == 0, run.text
    phases = [
        (found[1], found[2], at)
        for line, at in zip(run.lines, run.read_at, strict=True)
        if (found := PHASE.fullmatch(line))
    ]
    [drill] = re.findall(r"Drill (\S+) passed", run.text)
    evidence = installation.bulwark("drills", "--drill", drill, "--json").json
    return ObservedDrill(
        run.text, evidence, began, ended, phases, seen, (before, last_heartbeat(installation))
    )


def find_plugins(installation: Installation) -> list[str]:
    return [line for line in find_leftovers(installation) if "twin.bridge_plugin" in line]


def last_heartbeat(installation: Installation) -> float:
    [beat] = [one["id"] for one in installation.resources() if one["urn"].endswith("::job-drill-heartbeat")]
    store = VendorStore(installation.home.vendors)
    try:
        found = store.get("twin", "watch", f"uptimerobot:{beat}") or {}
    finally:
        store.close()
    return float(found.get("pinged", 0))


def check_nothing_is_left(installation: Installation) -> None:
    assert count_existing(installation) == count_recorded(installation)
    assert count_vendor_objects(installation)["neon", "branch"] == 1
    folder = installation.home.root / "drill" / "local"
    assert not find_leftover_processes(str(folder))
    assert not [path for path in (folder / "files").rglob("*") if not path.is_dir()]
    assert not list((installation.home.state / ".pulumi" / "stacks" / "bulwark-drill").glob("*.json"))
    clusters = [path for path in installation.home.postgres.iterdir() if path.is_dir()]
    assert len(clusters) == 1, clusters
    wait_until(lambda: not find_leftovers(installation), 30, "the engines of killed drills end")


def leave_orphans(installation: Installation) -> None:
    """Leave resources at the vendor that are in no state, and a dump."""
    vendor = Neon(installation.home)
    project = next(iter(vendor.store.list("neon", "project")))
    branch, _ = vendor.create("branch", {"projectId": project, "name": PLANTED[0]})
    vendor.create("endpoint", {"projectId": project, "branchId": branch})
    vendor.create("project", {"name": PLANTED[1], "orgId": "org-example-00000000"})
    vendor.store.close()
    (installation.home.root / "drill" / "local" / "files" / "dump.pgc").write_bytes(b"personal data")


@contextmanager
def edit_settings(installation: Installation, *changes: tuple[str, str]) -> Generator[None]:
    for old, new in changes:
        installation.edit("Pulumi.local.yaml", old, new)
    try:
        yield
    finally:
        for old, new in changes:
            installation.edit("Pulumi.local.yaml", new, old)


@contextmanager
def no_history(installation: Installation) -> Generator[None]:
    """Make Neon refuse to branch at any time."""
    store = Neon(installation.home).store
    [(project, record)] = store.list("neon", "project").items()
    store.replace("neon", "project", project, record | {"historyRetentionSeconds": -60})
    try:
        yield
    finally:
        store.replace("neon", "project", project, record)
        store.close()


@contextmanager
def back_up_without_a_file(installation: Installation) -> Generator[Path]:
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


def test_the_first_drill_takes_the_backups_that_do_not_exist_yet(cleaned_drills: CleanedDrills) -> None:
    assert "There is no backup yet (database, files, state)" in cleaned_drills.first_output
    assert all(f"of {store} is in" in cleaned_drills.first_output for store in ("database", "files", "state"))


def test_cleaning_removes_everything_of_killed_drills_and_the_platform_is_unchanged(
    deployed: Deployment, cleaned_drills: CleanedDrills
) -> None:
    assert cleaned_drills.command.code == 0, cleaned_drills.command.text
    assert all(
        f"{name}, which an interrupted drill had left" in cleaned_drills.command.err for name in PLANTED
    )
    assert cleaned_drills.after == cleaned_drills.before
    check_nothing_is_left(deployed.installation)


def test_the_next_drill_passes_in_every_scenario_and_leaves_nothing(
    deployed: Deployment, outputs: dict[str, Any], observed_drill: ObservedDrill
) -> None:
    evidence = observed_drill.evidence
    assert (evidence["verdict"], evidence["faults"], evidence["leftovers"]) == ("passed", [], [])
    scenarios = {one["kind"]: one for one in evidence["scenarios"]}
    assert list(scenarios) == ["corruption", "loss", "replica", "files", "state"]
    [rows] = [one for one in scenarios["files"]["checks"] if one["name"] == "every row's file is there"]
    assert (rows["actual"], rows["outcome"]) == ("0 exceptions", "passed")
    assert "create" in scenarios["state"]["negative_control"]["found"][0]
    assert all(len(scenarios[kind]["negative_control"]["found"]) >= 3 for kind in list(scenarios)[:4])
    assert all(thing["gone"] for one in scenarios.values() for thing in one["teardown"])
    check_nothing_is_left(deployed.installation)
    password = outputs["database_urls"]["database"]["backup"].split(":", 2)[2].split("@")[0]
    assert password not in observed_drill.text + str(evidence)
    assert find_differences(read_block("$ ./bulwark drill"), observed_drill.text) == []


def test_the_times_of_a_drill_agree_with_a_stopwatch_beside_it(observed_drill: ObservedDrill) -> None:
    evidence, scenarios = observed_drill.evidence, observed_drill.evidence["scenarios"]
    assert (
        observed_drill.started
        < moment(evidence["started"])
        < moment(evidence["finished"])
        < observed_drill.ended
    )
    reported = [(one, phase) for one in scenarios for phase in one["phases"]]
    assert [(one["kind"], phase["name"]) for one, phase in reported] == [
        line[:2] for line in observed_drill.phases
    ]
    # Each phase has ended, and its time was taken, before the next one was seen to begin.
    for (one, phase), (_, _, following) in zip(
        reported, [*observed_drill.phases[1:], ("", "", observed_drill.ended)], strict=True
    ):
        passed = (following - moment(one["declared"])).total_seconds()
        assert 0 <= phase["offset_seconds"] <= phase["offset_seconds"] + phase["seconds"] < passed
        assert moment(phase["started"]) + timedelta(seconds=phase["seconds"]) < following
        if milestone := one["times"].get(MILESTONES.get(phase["name"], "")):
            assert phase["offset_seconds"] < milestone["seconds"] < passed
    assert all(set(one["times"]) <= set(MILESTONES.values()) for one in scenarios)


def test_the_data_loss_of_a_drill_agrees_with_direct_sql(observed_drill: ObservedDrill) -> None:
    databases = [one for one in observed_drill.evidence["scenarios"] if one["stores"] == ["database"]]
    assert len(databases) == 3
    for one in databases:
        newest, shown = moment(one["newest_change"]), moment(one["recovery_point"]["as_of"])
        # The newest canary of that moment; one written just before it may have been committed just after.
        assert newest in observed_drill.canaries
        assert not [at for at in observed_drill.canaries if newest < at < shown - timedelta(seconds=1)]
        assert newest <= shown
        assert moment(one["incident"]) - newest == timedelta(seconds=one["loss"]["seconds"])


def test_a_drill_verifies_the_backups_that_it_restores_and_sends_its_heartbeat(
    deployed: Deployment, observed_drill: ObservedDrill
) -> None:
    assert "monitor not reached" not in observed_drill.text
    before, after = observed_drill.heartbeats
    assert observed_drill.started.timestamp() < after <= observed_drill.ended.timestamp()
    assert before < after
    points = {one["recovery_point"]["id"] for one in observed_drill.evidence["scenarios"]}
    listed = deployed.installation.bulwark("backups", "--json").json
    assert {(one["store"], one["how"]) for one in listed if one["id"] in points} == {
        ("database", "drill"),
        ("files", "drill"),
        ("state", "drill"),
    }


@pytest.mark.usefixtures("observed_drill")
def test_a_drill_that_is_interrupted_while_it_gets_ready_removes_what_it_made(deployed: Deployment) -> None:
    run = RunningCommand(deployed.installation, "drill", "corruption")
    wait_until(
        lambda: "making the drill's stack ready" in run.text or run.has_ended(), 60, "the engine's start"
    )
    run.signal(signal.SIGINT, group=True)
    assert run.wait() == 130, run.text
    check_nothing_is_left(deployed.installation)


Failing = tuple[CommandResult, list[str]]
"""A drill that can't pass, and patterns of what its output says."""


def drill_with_other_content(installation: Installation, damaged: DamagedBackups) -> Failing:
    return installation.bulwark("drill", "loss", "--backup", damaged.add_with_other_content().id), [
        r"loss: data loss of 3,456,\d{3}\.\d s misses the objective of 97,200 s",
        r'Table "public"\."locations" has \d+ rows, as expected, but not the same ones\.',
        r"The indexes are not defined as expected\.",
        r"The grants are not defined as expected\.",
    ]


def drill_with_other_bytes(installation: Installation, damaged: DamagedBackups) -> Failing:
    ended = installation.bulwark("drill", "loss", "--backup", damaged.add_with_other_bytes().id)
    digest = damaged.good.dump.sha256
    return ended, [rf"is damaged: its SHA-256 is [0-9a-f]{{64}}, and {digest} was stored"]


def drill_too_late(installation: Installation, _: DamagedBackups) -> Failing:
    with edit_settings(installation, ("recovery_point_minutes: 60", "recovery_point_minutes: 1"), LATE):
        ended = installation.bulwark("drill", "corruption")
    return ended, [r"corruption: data loss of 12\d\.\d s misses the objective of 60 s"]


def drill_without_history(installation: Installation, _: DamagedBackups) -> Failing:
    with no_history(installation):
        ended = installation.bulwark("drill", "corruption")
    return ended, [
        r"corruption: broke off: The throw-away stack could not be made: Neon: ",
        r"parent_timestamp is outside the history",
    ]


def drill_without_a_file(installation: Installation, _: DamagedBackups) -> Failing:
    with back_up_without_a_file(installation) as lost:
        ended = installation.bulwark("drill", "files")
    missing = re.escape(str(lost))
    return ended, [rf"every row's file is there: expected 0 exceptions, found 1 exceptions: {missing}"]


FAILING = (
    drill_with_other_content,
    drill_with_other_bytes,
    drill_too_late,
    drill_without_history,
    drill_without_a_file,
)


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("drill", FAILING, ids=lambda drill: drill.__name__)
def test_a_failing_drill_names_its_fault_and_sends_no_heartbeat(
    deployed: Deployment,
    outputs: dict[str, Any],
    observed_drill: ObservedDrill,
    drill: Callable[[Installation, DamagedBackups], Failing],
) -> None:
    installation = deployed.installation
    ended, patterns = drill(installation, DamagedBackups(installation, outputs))
    assert ended.code == 1, ended.text
    [failed] = re.findall(r"Drill (\S+) failed", ended.text)
    text = " ".join(ended.out.split())
    for pattern in patterns:
        assert re.search(pattern, text), text
    assert last_heartbeat(installation) == observed_drill.heartbeats[1]
    kept = {one["id"]: one for one in installation.bulwark("drills", "--json").json["drills"]}
    assert kept[failed]["verdict"] == "failed"
    check_nothing_is_left(installation)


def test_a_drill_by_its_roles_document_opens_no_state_and_its_evidence_counts(
    deployed: Deployment, tmp_path: Path
) -> None:
    """As the jobs of drill.yml do: one drills by its role and document; another one keeps the evidence."""
    installation, evidence = deployed.installation, tmp_path / "evidence.json"
    document = ("--recovery", "aws-secret:example-twin/jobs/driller")
    job = job_environment(installation.home, "driller")
    with hidden_state(installation.home):
        drilled = installation.bulwark(
            *("drill", "corruption", "--in-place", "--stack", "local", *document),
            *("--evidence", str(evidence)),
            **job,
        )
        assert drilled.code == 0, drilled.text
        refused = installation.bulwark("drill", "state", "--stack", "local", *document, **job)
        assert refused.code == 1
        assert "The state is drilled with the stack alone." in refused.err
        added = installation.bulwark("drills", "--add", str(evidence))
        assert added.code == 0, added.text
        assert "does not count" not in added.err
    [scenario] = json.loads(evidence.read_text())["scenarios"]
    phases = [phase["name"] for phase in scenario["phases"]]
    # The branch that is restored is damaged by then: the comparison would find it.
    assert phases.index("negative control") + 1 == phases.index("restore in place")
    assert {check["outcome"] for check in scenario["checks"] if check["name"] == "the restore in place"} == {
        "passed"
    }
    check_nothing_is_left(installation)
