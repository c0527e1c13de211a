"""A response is written down before each change, goes on after an interruption, and shows no secret."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from core.failure import Failure
from engine.targets import find_target
from respond.carry_out import Response, carry_out
from respond.journal import ResponseJournal
from respond.record import parse
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    TargetProof,
    require_proven,
)


class Files:
    """A step whose two changes are files; `before_second` runs within the second one."""

    def __init__(self, folder: Path, before_second: Callable[[], object] = lambda: None) -> None:
        self.folder, self.before_second = folder, before_second

    def step(self) -> ResponseStep:
        return ResponseStep("make-files", "Make two files.", "a folder", "none", self._plan)

    def _plan(self, _context: RespondContext, _target: str, _options: StepOptions) -> ResponsePlan:
        found = {"files": ", ".join(sorted(path.name for path in self.folder.iterdir())) or "none"}
        return ResponsePlan(
            proofs=(TargetProof("folder", "here", "here"),),
            found=found,
            actions=(self._action("first"), self._action("second", self.before_second)),
        )

    def _action(self, name: str, before: Callable[[], object] = lambda: None) -> ResponseAction:
        def run() -> Mapping[str, str]:
            before()
            (self.folder / name).touch()
            return {"made": f"postgresql://user:planted-password@host/{name}"}

        return ResponseAction(name, f"Makes {name}.", run, is_done=(self.folder / name).exists())


@pytest.fixture
def context() -> RespondContext:
    return RespondContext(find_target("prod", on_twin=False), {}, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def run(context: RespondContext, files: Files, journal: ResponseJournal) -> Response:
    step, options = files.step(), StepOptions(role="application")
    plan = step.plan(context, "files", options)
    with journal.lock():
        return carry_out(
            context, step, "files", options, plan=plan, journal=journal, on_progress=lambda _: None
        )


def interrupt() -> None:
    raise KeyboardInterrupt


def refuse() -> None:
    raise Failure("The vendor refuses.", "ask it.", "password='planted-password'")


def test_an_interrupted_response_goes_on_with_its_record(
    context: RespondContext, folder: Path, tmp_path: Path
) -> None:
    journal = ResponseJournal(tmp_path / "journal")
    with pytest.raises(KeyboardInterrupt):
        run(context, Files(folder, interrupt), journal)
    [broken] = journal.read()
    assert (broken.outcome, broken.ended) == ("unfinished", None)
    assert [(action.name, action.state) for action in broken.actions] == [
        ("first", "done"),
        ("second", "begun"),
    ]
    record = run(context, Files(folder), journal).record
    assert (record.id, record.runs, record.outcome) == (broken.id, 2, "carried out")
    assert [(action.name, action.state) for action in record.actions] == [
        ("first", "done"),
        ("second", "done"),
    ]
    assert (record.before, record.after) == ({"files": "none"}, {"files": "first, second"})
    assert record.options == {"role": "application"}
    assert journal.read() == [record]
    assert run(context, Files(folder), journal).record.id != record.id


def test_a_change_that_fails_ends_the_response_and_its_record_has_no_secret(
    context: RespondContext, folder: Path, tmp_path: Path
) -> None:
    journal = ResponseJournal(tmp_path / "journal")
    record = run(context, Files(folder, refuse), journal).record
    assert record.outcome == "failed"
    assert [action.state for action in record.actions] == ["done", "failed"]
    assert record.actions[1].error.startswith("The vendor refuses.")
    [file] = (tmp_path / "journal").glob("*.json")
    assert file.stat().st_mode & 0o077 == 0
    assert "planted-password" not in file.read_text()
    assert parse(file.read_bytes()) == record


def test_two_responses_are_not_at_work_at_once(tmp_path: Path) -> None:
    with (
        ResponseJournal(tmp_path / "journal").lock(),
        pytest.raises(Failure, match="Another response"),
        ResponseJournal(tmp_path / "journal").lock(),
    ):
        pass


def test_a_target_is_proven_by_all_that_is_known_of_it() -> None:
    holds = TargetProof("project", "shop", "shop")
    assert require_proven("step", [holds]) == (holds,)
    for proof in (replace(holds, answered="other"), replace(holds, answered=""), TargetProof("id", "", "")):
        with pytest.raises(Failure, match="not the declared one"):
            require_proven("step", [holds, proof])
