"""What the tests leave running is found by their mark, told and ended; nobody else's is touched."""

import os
import subprocess
import uuid
from pathlib import Path

import leftovers
import pytest


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> str:
    run = uuid.uuid4().hex[:6]
    monkeypatch.setenv(leftovers.RUN, run)
    return run


@pytest.mark.parametrize("by", ["its mark", "its twin"])
def test_what_runs_on_is_told_and_ended(run: str, by: str, tmp_path: Path) -> None:
    twin = tmp_path / leftovers.twin_name()
    mark = {"its mark": {leftovers.RUN: run}, "its twin": {"BULWARK_TWIN": str(twin)}}[by]
    with (
        subprocess.Popen(["sleep", "61"], env=mark) as mine,
        subprocess.Popen(["sleep", "62"], env={leftovers.RUN: "another"}) as other,
    ):
        assert leftovers.left(patience_seconds=0) == [f"{mine.pid} sleep 61"]
        assert other.poll() is None
        other.kill()
    assert mine.returncode


def test_twins_are_named_after_their_run_and_differ(run: str) -> None:
    names = {leftovers.twin_name() for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith(f"bulwark-{run}") for name in names)


def test_a_run_outside_of_pytest_has_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(leftovers.RUN)
    assert leftovers.twin_name().startswith("bulwark-")
    assert leftovers.RUN not in os.environ
