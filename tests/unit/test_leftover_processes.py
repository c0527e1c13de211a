"""Processes that the tests leave running are found by their mark, reported and ended, and no others."""

import os
import subprocess
import uuid
from pathlib import Path

import leftover_processes
import pytest


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> str:
    run = uuid.uuid4().hex[:6]
    monkeypatch.setenv(leftover_processes.RUN, run)
    return run


@pytest.mark.parametrize("by", ["its mark", "its twin"])
def test_a_process_that_is_still_running_is_reported_and_ended(run: str, by: str, tmp_path: Path) -> None:
    twin = tmp_path / leftover_processes.twin_name()
    mark = {"its mark": {leftover_processes.RUN: run}, "its twin": {"BULWARK_TWIN": str(twin)}}[by]
    with (
        subprocess.Popen(["sleep", "61"], env=mark) as mine,
        subprocess.Popen(["sleep", "62"], env={leftover_processes.RUN: "another"}) as other,
    ):
        assert leftover_processes.end_leftovers(patience_seconds=0) == [f"{mine.pid} sleep 61"]
        assert other.poll() is None
        other.kill()
    assert mine.returncode


def test_twins_are_named_after_their_run_and_differ(run: str) -> None:
    names = {leftover_processes.twin_name() for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith(f"bulwark-{run}") for name in names)


def test_a_run_outside_of_pytest_has_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(leftover_processes.RUN)
    assert leftover_processes.twin_name().startswith("bulwark-")
    assert leftover_processes.RUN not in os.environ
