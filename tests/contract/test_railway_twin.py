"""The stand-in for Railway accepts the same inputs as the real provider."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from provider_pair import ProviderPair, running_pair, running_stand_in

from twin.host.home import TwinHome
from twin.railway.model import Railway

pytestmark = pytest.mark.shares("railway-pair")

PROJECT = "5c4f6d1e-3b7a-4e0c-9a52-1f0d8e6b7a11"
PLACE = {
    "serviceId": "d2b7c845-91fe-4a6d-b038-5e4a1c7f9d33",
    "environmentId": "8a1e2f90-6c3d-4b57-8f24-73c9d0e5b622",
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "one variable": ("variableCollection", {**PLACE, "variables": [{"name": "A", "value": "1"}]}),
    "several variables": (
        "variableCollection",
        {
            **PLACE,
            "variables": [{"name": "B", "value": "2"}, {"name": "C", "value": "${{RAILWAY_GIT_COMMIT_SHA}}"}],
        },
    ),
}
DIFFERENCES: dict[str, set[str]] = {}
"""All differences; docs/twin-differences.md says why they are safe."""


def add_service(home: TwinHome) -> None:
    with closing((railway := Railway(home)).store):
        railway.add_service(PLACE["serviceId"], PLACE["environmentId"], PROJECT, name="backend", port=None)


@pytest.fixture(scope="module")
def pair(real_railway: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderPair]:
    folder = tmp_path_factory.mktemp("railway")
    with running_pair("railway", real_railway, folder, prepare=add_service) as pair:
        yield pair


@pytest.mark.parametrize("name", CASES)
def test_provider_and_stand_in_accept_the_same_inputs(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements(*CASES[name]) == []


@pytest.mark.parametrize("name", CASES)
def test_provider_and_stand_in_plan_the_same_changes(pair: ProviderPair, name: str) -> None:
    assert pair.find_disputed_changes(pair.create(*CASES[name])) == DIFFERENCES.get(name, set())


def test_the_stand_in_alone_makes_each_case_and_plans_no_change_of_it(tmp_path: Path) -> None:
    with running_stand_in("railway", tmp_path / "twin", prepare=add_service) as stand_in:
        assert [name for name, case in CASES.items() if stand_in.find_perpetual_change(*case)] == []
