"""What the vendors' HTTP doors have in common: who may enter, and faults that a test plans."""

from collections.abc import Iterator

import httpx
import pytest
from monitoring import Twin, running_twin

from local.doors import faults
from local.doors.faults import Fault

PROJECTS = "/neon/api/v2/projects"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("doors")) as twin:
        yield twin


def ask(twin: Twin, token: str = "") -> httpx.Response:
    token = token or twin.home.secret("neon_api_key")
    return httpx.get(f"{twin.url}{PROJECTS}", headers={"Authorization": f"Bearer {token}"})


def planned(twin: Twin, fault: Fault) -> None:
    faults.plan(twin.store, "neon", fault)


def test_whoever_has_the_token_is_answered_and_nobody_else(twin: Twin) -> None:
    assert ask(twin).json() == {"projects": []}
    assert ask(twin, "wrong").status_code == 401
    assert httpx.get(f"{twin.url}{PROJECTS}").status_code == 401


def test_a_planned_fault_strikes_as_often_as_it_says(twin: Twin) -> None:
    planned(twin, Fault("GET", "/api/v2/projects", 429, "Slow down.", {"Retry-After": "1"}, times=2))
    planned(twin, Fault("GET", "/api/v2/projects", 503))
    planned(twin, Fault("POST", "/api/v2/projects", 500))
    first = ask(twin)
    assert (first.status_code, first.headers["retry-after"], first.json()["message"]) == (
        429,
        "1",
        "Slow down.",
    )
    assert [ask(twin).status_code for _ in range(3)] == [429, 503, 200]
    faults.cancel(twin.store, "neon")


def test_a_connection_can_break_in_the_middle_of_an_answer(twin: Twin) -> None:
    planned(twin, Fault("GET", "/api/v2/projects", cut=True))
    with pytest.raises(httpx.RemoteProtocolError):
        ask(twin)
    assert ask(twin).status_code == 200
