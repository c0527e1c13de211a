"""The drill of a service measures each step of an outage, and puts the service back however it ends."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from drill_evidence import drill as drill_of

from core.failure import Failure
from recovery.drill import bad_deployment, records, reports
from recovery.drill.bad_deployment import OutageLimits, OutageNote, ServicePage, read_notes
from recovery.drill.evidence import Scenario
from status.stores import newest_scenarios

GOOD: Final = "d-good"
LIMITS: Final = OutageLimits(objective=0.03, loss_objective=3600, poll=0.001)


class ScriptedService:
    """A service whose host and watchers do what a test says, in place of vendors that never fail."""

    name, host, bad, unpaged = "backend", "Railway", "d-bad", ""

    def __init__(self, **changes: Any) -> None:
        self.active = GOOD
        for name, value in changes.items():
            setattr(self, name, value)

    def find_deployment(self) -> str:
        return self.active

    def deploy_bad(self) -> str:
        self.active = self.bad
        return "d-bad, which does not start"

    def roll_back(self, deployment: str) -> str:
        self.active = deployment
        return "20300115T042300Z-3f9a"

    def find_trouble(self) -> str:
        return "HTTP 502" if self.active != GOOD else ""

    def find_seen_trouble(self) -> str:
        return "DOWN" if self.active != GOOD else ""

    def find_page(self) -> ServicePage | None:
        return ServicePage("Q000001", "backend is DOWN", is_open=self.active != GOOD)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_deployment, "_STEADY_SECONDS", 0.03)


def run(service: ScriptedService, folder: Path, limits: OutageLimits = LIMITS) -> Scenario:
    return bad_deployment.drill(service, folder, limits=limits, on_progress=lambda _: None)


def refuse(text: str) -> Callable[..., Any]:
    def call(*_: object) -> Any:
        raise Failure(text, "again.")

    return call


def test_an_outage_that_is_seen_paged_and_rolled_back_passes_with_all_its_times(tmp_path: Path) -> None:
    steps: list[str] = []
    found = bad_deployment.drill(
        ScriptedService(),
        tmp_path,
        limits=OutageLimits(objective=900, loss_objective=3600, poll=0.001),
        on_progress=steps.append,
    )
    assert found.faults == ()
    assert set(found.times) == {"detected", "paged", "rolled_back", "health", "verified"}
    ordered = [found.times[name].seconds or 0 for name in ("detected", "paged", "rolled_back", "health")]
    assert ordered == sorted(ordered)
    assert [phase.name for phase in found.phases][:4] == ["bad deployment", "detection", "page", "rollback"]
    assert (found.recovered, found.title) == (None, "service of backend")
    assert not list(tmp_path.iterdir())
    drilled = drill_of(found)
    assert records.parse(records.to_json(drilled)) == drilled
    html, markdown = reports.render_html(drilled), reports.render_markdown(drilled)
    assert "A bad deployment: backend" in html
    assert "Recovery point" not in html
    assert "| until rolled back |" in markdown


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"find_seen_trouble": lambda: ""}, ["time to detected was not measured"]),
        ({"find_page": lambda: None}, ["time to paged was not measured"]),
        ({"find_page": refuse("PagerDuty does not accept the key.")}, ["time to paged was not measured"]),
        (
            {"find_page": lambda: ServicePage("Q000001", "backend is DOWN", is_open=True)},
            ["page of backend is left behind"],
        ),
        (
            {"find_trouble": lambda: "", "find_seen_trouble": lambda: ""},
            [
                "time to detected was not measured",
                "a bad deployment passed for good: d-bad, which does not start in place of d-good",
            ],
        ),
    ],
)
def test_whatever_of_an_outage_was_not_seen_fails_the_drill(
    changes: dict[str, Any], faults: list[str], tmp_path: Path
) -> None:
    service = ScriptedService(**changes)
    found = run(service, tmp_path)
    assert [fault for fault in found.faults if "misses the objective" not in fault] == faults
    assert service.active == GOOD


def test_times_beyond_the_objective_fail_the_drill(tmp_path: Path) -> None:
    found = run(ScriptedService(), tmp_path, OutageLimits(objective=1e-9, loss_objective=3600, poll=0.001))
    assert len([fault for fault in found.faults if "misses the objective" in fault]) == len(found.times)


def test_a_page_that_nobody_declared_is_unknown_in_the_evidence(tmp_path: Path) -> None:
    limits = OutageLimits(objective=900, loss_objective=3600, poll=0.001)
    found = run(ScriptedService(unpaged="no channel of sev1 is at PagerDuty"), tmp_path, limits)
    assert (found.verdict, found.not_measured) == ("passed", ("paged",))
    assert "the page: unknown" in [one.what for one in found.not_tested]
    assert "paged" not in found.times


def test_an_unhealthy_service_is_not_taken_down(tmp_path: Path) -> None:
    for changes in (
        {"find_trouble": lambda: "HTTP 500"},
        {"find_seen_trouble": lambda: "PAUSED"},
        {"active": ""},
    ):
        service = ScriptedService(**changes, deploy_bad=refuse("deployed"))
        before = service.active
        found = run(service, tmp_path)
        assert "is not healthy before the drill, and nothing was changed" in found.error
        assert service.active == before
        assert found.verdict == "failed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_drill_puts_the_service_back_before_it_ends(
    error: type[BaseException], tmp_path: Path
) -> None:
    service = ScriptedService()

    def find_page() -> ServicePage | None:
        raise error

    setattr(service, "find_page", find_page)  # noqa: B010 - a method is replaced
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            run(service, tmp_path)
    else:
        assert "RuntimeError" in run(service, tmp_path).error
    assert service.active == GOOD
    assert not list(tmp_path.iterdir())


def test_a_service_that_can_not_be_put_back_leaves_a_note_and_says_how(tmp_path: Path) -> None:
    found = run(ScriptedService(roll_back=refuse("Railway is out.")), tmp_path)
    assert "./bulwark respond roll-back backend --deployment d-good" in found.error
    [(_, note)] = read_notes(tmp_path)
    assert note == OutageNote(service="backend", deployment=GOOD, bad="d-bad")


def test_status_shows_each_drilled_service_and_takes_none_for_a_store(tmp_path: Path) -> None:
    limits = OutageLimits(objective=900, loss_objective=3600, poll=0.001)
    scenarios = [run(ScriptedService(name=name), tmp_path, limits) for name in ("backend", "database")]
    now = datetime.now(UTC)
    record = records.DrillRecord("20300115T042300Z-3f9a", drill_of(*scenarios, at=now), "", stored_at=now)
    shown = newest_scenarios([record], "prod", "vendors", now)
    assert {one.stores for one in shown} == {("backend",), ("database",)}
    assert {one.lost_seconds for one in shown} == {None}
    assert not records.newest_passed([record], "prod", "vendors")
