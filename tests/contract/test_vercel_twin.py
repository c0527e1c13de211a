"""The stand-in for Vercel accepts the same inputs as the real provider."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from provider_pair import ProviderPair, running_pair, running_stand_in

from twin.host.home import TwinHome
from twin.vercel.model import Vercel

pytestmark = pytest.mark.shares("vercel-pair")

PROJECT, TEAM = "prj_example0frontend", "team_example"
VARIABLE: dict[str, Any] = {
    "projectId": PROJECT,
    "teamId": TEAM,
    "value": "word",
    "sensitive": True,
    "targets": ["production"],
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sensitive": ("projectEnvironmentVariable", {**VARIABLE, "key": "A", "comment": "Declared"}),
    "readable": (
        "projectEnvironmentVariable",
        {**VARIABLE, "key": "B", "sensitive": False, "targets": ["production", "preview", "development"]},
    ),
    "of a branch": (
        "projectEnvironmentVariable",
        {**VARIABLE, "key": "C", "targets": ["preview"], "gitBranch": "release"},
    ),
}
DIFFERENCES: dict[str, set[str]] = {}
"""All differences; docs/twin-differences.md says why they are safe."""


def add_project(home: TwinHome) -> None:
    with closing((vercel := Vercel(home)).store):
        vercel.add_project(PROJECT, TEAM, name="frontend", port=None)


@pytest.fixture(scope="module")
def pair(real_vercel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderPair]:
    with running_pair("vercel", real_vercel, tmp_path_factory.mktemp("vercel"), prepare=add_project) as pair:
        yield pair


@pytest.mark.parametrize("name", CASES)
def test_provider_and_stand_in_accept_the_same_inputs(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements(*CASES[name]) == []


@pytest.mark.parametrize("name", CASES)
def test_provider_and_stand_in_plan_the_same_changes(pair: ProviderPair, name: str) -> None:
    assert pair.find_disputed_changes(pair.create(*CASES[name])) == DIFFERENCES.get(name, set())


def test_the_stand_in_alone_makes_each_case_and_plans_no_change_of_it(tmp_path: Path) -> None:
    with running_stand_in("vercel", tmp_path / "twin", prepare=add_project) as stand_in:
        assert [name for name, case in CASES.items() if stand_in.find_perpetual_change(*case)] == []
