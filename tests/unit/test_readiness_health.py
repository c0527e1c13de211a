"""What `./bulwark ready` takes from a stack's health: each thing that is wrong turns one check red."""

import ssl
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import sample_health as sample
from generated_files import PRODUCTION

from components.settings import load
from readiness.checks import CHECKS
from readiness.checks.monitoring import CHECKS as MONITORING
from readiness.checks.recovery import CHECKS as RECOVERY
from readiness.http_reader import HttpReader
from readiness.live_platform import LivePlatform
from readiness.results import CheckResult
from readiness.run import run_checks
from readiness.shared_result import SharedResult
from status.health import Answer, DeploymentHealth, DriftHealth, Health, StoreHealth

ELSEWHERE: Final = {"answers-have-an-id", "lapsed-heartbeat-pages"}
"""What is not read of the stack's health."""

OF_HEALTH: Final = [check for check in (*RECOVERY, *MONITORING) if check.id not in ELSEWHERE]


def primary(**changes: Any) -> tuple[StoreHealth, ...]:
    newest, rest = sample.backup(**changes), sample.store("files")
    return (sample.store("database", primary=sample.in_vault(newest)), rest)


def young() -> Answer[DeploymentHealth]:
    found = DeploymentHealth(resources=182, deployed_at=sample.NOW, first_made_at=sample.NOW)
    return Answer[DeploymentHealth](found=found)


EMPTY: Final = sample.in_vault(None)
WRONG: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "an old backup": ("backups-are-current", {"stores": primary(age_hours=40, proven_at=sample.NOW)}),
    "a backup without a lock": ("backups-are-current", {"stores": primary(locked_until=None)}),
    "a damaged backup": ("backups-are-current", {"stores": primary(problems=("a row differs",))}),
    "no backup for months": ("backups-are-current", {"stores": (sample.store("files", primary=EMPTY),)}),
    "a store that was never proven": ("backups-are-proven", {"stores": primary(proven_at=None, proof=None)}),
    "an old copy elsewhere": (
        "copies-are-apart",
        {"stores": (sample.store(elsewhere=sample.in_vault(sample.backup(80))),)},
    ),
    "a replica without the newest": (
        "copies-are-apart",
        {"stores": (sample.store(replica=sample.in_vault(sample.backup(), ids=("another",))),)},
    ),
    "a drill that failed": (
        "drills-are-recent",
        {
            "drills": sample.drills(
                sample.scenario(passed=False),
                sample.scenario("files", ("files",)),
                sample.scenario("state", ("state",)),
            )
        },
    ),
    "a drill of last month": (
        "drills-are-recent",
        {
            "drills": sample.drills(
                sample.scenario(age_seconds=40 * sample.DAY),
                sample.scenario("files", ("files",)),
                sample.scenario("state", ("state",)),
            )
        },
    ),
    "a monitor that is down": (
        "monitors-are-up",
        {"monitors": sample.monitors(sample.monitor(state="down"))},
    ),
    "a monitor that is gone": (
        "monitors-are-up",
        {"monitors": sample.monitors(sample.monitor(state="missing"))},
    ),
    "a monitor that is paused": (
        "monitors-are-up",
        {"monitors": sample.monitors(sample.monitor(state="paused"))},
    ),
    "a monitor that is not armed": (
        "monitors-are-up",
        {"monitors": sample.monitors(sample.monitor(state="unarmed"))},
    ),
    "a job that failed": ("jobs-check-in", {"crons": sample.crons("failed")}),
    "a job without a monitor": ("jobs-check-in", {"crons": sample.crons("missing")}),
    "an alert": ("no-alert-is-open", {"issues": sample.issues("alert")}),
    "a quota that is nearly used up": ("quotas-are-left", {"quotas": sample.quotas(0.9)}),
    "a quota that is used up": ("quotas-are-left", {"quotas": sample.quotas(stored=1)}),
    "drift": (
        "nothing-is-undeclared",
        {"drift": DriftHealth(looked_at=sample.NOW, passes=False, differences=2, unknown=0)},
    ),
    "a waiver that ended": ("exceptions-are-current", {"deadlines": sample.deadlines(-1)}),
}
"""What is wrong -> the check that turns red, and the change of a healthy stack."""


@pytest.fixture(scope="module")
def platform() -> Generator[LivePlatform]:
    context = ssl.create_default_context()
    reader = HttpReader([], context, uses_proxies=False)
    yield LivePlatform("prod", "--stack prod", load(PRODUCTION), reader, context, Path())
    reader.close()


def look(platform: LivePlatform, health: Health) -> dict[str, CheckResult]:
    results, _ = run_checks(OF_HEALTH, replace(platform, health=SharedResult(lambda: health)), active=())
    return {result.id: result for result in results}


def test_a_healthy_stack_passes_every_check(platform: LivePlatform) -> None:
    drift = DriftHealth(looked_at=sample.NOW, passes=True, differences=0, unknown=0)
    results = look(platform, sample.health(drift=drift, deadlines=sample.deadlines(300)))
    assert {name: one.reason for name, one in results.items() if one.outcome != "passed"} == {}
    assert {check.id for check in OF_HEALTH} <= {check.id for check in CHECKS}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_turns_its_check_red(platform: LivePlatform, wrong: str) -> None:
    check, changes = WRONG[wrong]
    results = look(platform, sample.health(**changes))
    assert {name for name, one in results.items() if one.outcome == "failed"} == {check}


def test_what_is_wrong_is_the_fault_of_every_check() -> None:
    assert {check for check, _ in WRONG.values()} == {check.id for check in OF_HEALTH}


def test_what_is_not_due_yet_is_not_looked_at(platform: LivePlatform) -> None:
    stores = tuple(
        sample.store(name, primary=EMPTY, replica=EMPTY, elsewhere=EMPTY) for name in ("database", "files")
    )
    results = look(platform, sample.health(stores=stores, deployment=young()))
    for name in ("backups-are-current", "backups-are-proven", "copies-are-apart"):
        assert (results[name].outcome, results[name].is_expected) == ("not_looked_at", True)
    assert "due within" in results["backups-are-current"].reason


def test_a_quota_that_fills_up_is_noted_before_it_fails(platform: LivePlatform) -> None:
    result = look(platform, sample.health(quotas=sample.quotas(0.72)))["quotas-are-left"]
    assert (result.outcome, result.problems) == ("passed", ())
    assert "database has used 72 % of its compute time" in str(result.measured)


def test_what_nobody_answers_is_unknown(platform: LivePlatform) -> None:
    results = look(platform, sample.health(monitors=sample.unknown(), issues=sample.unknown()))
    for name in ("monitors-are-up", "no-alert-is-open"):
        assert (results[name].outcome, results[name].is_expected) == ("not_looked_at", False)
        assert "the vendor does not answer" in results[name].reason


def test_a_stack_that_is_not_deployed_is_no_pass(platform: LivePlatform) -> None:
    found = Answer[DeploymentHealth](found=DeploymentHealth(resources=0))
    results = look(platform, sample.health(deployment=found))
    assert {one.outcome for one in results.values()} == {"not_looked_at"}
    assert not results["backups-are-current"].is_expected
