"""The administrator's program and the platform's are judged together, by the file that the first leaves."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from policy_harness import (
    NOW,
    Toy,
    alter,
    production,
    resource_requests,
    servicer,
    stack_request,
)

from policies.framework import judged_before
from policies.framework.drill_history import DrillHistory
from policies.framework.evaluation import Evaluation

Verdicts = set[tuple[str, str, str]]
"""Rule, name of the resource, outcome."""


def of_program(stack: Sequence[Toy], root: str) -> list[Toy]:
    """Return what lies below a component, with its providers."""
    parents = {toy.name: toy.parent for toy in stack}

    def is_below(name: str) -> bool:
        return name == root or (name in parents and is_below(parents[name]))

    below = [toy for toy in stack if is_below(toy.name)]
    providers = {toy.provider for toy in below}
    return [toy for toy in stack if toy in below or toy.name in providers]


def judge(stack: Sequence[Toy]) -> Verdicts:
    seen: list[Evaluation] = []
    server = servicer(seen=seen, drills=DrillHistory(NOW, rehearsal=True))
    for request in resource_requests(stack):
        server.Analyze(request, None)
    server.AnalyzeStack(stack_request(stack), None)
    return {(one.rule.id, one.resource.name, one.outcome.value) for one in seen[0].verdicts if one.resource}


def refused(verdicts: Verdicts) -> set[tuple[str, str]]:
    return {(rule, name) for rule, name, outcome in verdicts if outcome != "passed"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let what is judged be written into a file."""
    path = tmp_path / "judged.json"
    monkeypatch.setenv(judged_before.WRITE_VARIABLE, str(path))
    return path


def judge_together(first: Sequence[Toy], second: Sequence[Toy], file: Path) -> Verdicts:
    judge(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(judged_before.WRITE_VARIABLE)
        patch.setenv(judged_before.READ_VARIABLE, str(file))
        return judge(second)


def test_both_programs_are_judged_as_if_they_were_one(file: Path) -> None:
    whole = production()
    programs = of_program(whole, "accounts"), of_program(whole, "example")
    assert not {toy.name for toy in programs[0]} & {toy.name for toy in programs[1]}
    together = judge_together(*programs, file)
    assert refused(together) == set()
    assert together == judge([*programs[0], *programs[1]])


def test_the_administrators_program_passes_alone() -> None:
    assert refused(judge(of_program(production(), "accounts"))) == set()


def test_the_platform_without_its_vaults_is_refused() -> None:
    found = refused(judge(of_program(production(), "example")))
    assert {("store-has-independent-backup", name) for name in ("database-project", "files")} <= found


def test_a_weak_vault_of_the_administrators_is_a_violation_of_both_together(file: Path) -> None:
    whole = alter(production(), "backups-vault-lock", rule__defaultRetention__days=1)
    found = refused(judge_together(of_program(whole, "accounts"), of_program(whole, "example"), file))
    assert ("vault-is-locked", "backups-vault-bucket") in found


def test_a_vault_that_no_job_of_the_platform_fills_is_refused_when_both_are_judged(file: Path) -> None:
    whole = production()
    for job in ("job-database", "job-files"):
        whole = alter(whole, job, copies=["arn:aws:s3:::another"])
    found = refused(judge_together(of_program(whole, "accounts"), of_program(whole, "example"), file))
    assert ("vault-is-filled", "backups-vault-bucket") in found


def test_a_program_that_runs_at_once_with_the_administrators_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "judged.json"
    judged_before.mark_of_run(path).touch()
    monkeypatch.setenv(judged_before.READ_VARIABLE, str(path))
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(judged_before.read)
        with pytest.raises(TimeoutError):
            reading.result(0.1)
        monkeypatch.setenv(judged_before.WRITE_VARIABLE, str(path))
        judged_before.write([], {})
        assert reading.result(10) == ([], {})
        path.unlink()
        reading = pool.submit(judged_before.read)
        judged_before.mark_of_run(path).unlink()  # that run ended without a judgement
        with pytest.raises(FileNotFoundError):
            reading.result(10)
