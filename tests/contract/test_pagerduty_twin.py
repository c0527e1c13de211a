"""The stand-in for PagerDuty accepts the same inputs as the vendor's own plugin."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from plugin_driver import Plugin
from provider_pair import ProviderPair, running_pair, running_stand_in

from twin.host.home import TwinHome
from twin.pagerduty.model import PagerDutyAccount

pytestmark = pytest.mark.shares("pagerduty-pair")

LAYER: dict[str, Any] = {
    "name": "week",
    "start": "2026-01-05T08:00:00Z",
    "rotationVirtualStart": "2026-01-05T08:00:00Z",
    "rotationTurnLengthSeconds": 604_800,
    "users": ["P1"],
}
POLICY: dict[str, Any] = {
    "name": "urgent",
    "numLoops": 2,
    "rules": [{"escalationDelayInMinutes": 5, "targets": [{"type": "user_reference", "id": "P1"}]}],
}
SERVICE = {"name": "oncall", "escalationPolicy": "E1", "autoResolveTimeout": "null"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "schedule": ("schedule", {"name": "primary", "timeZone": "Etc/UTC", "layers": [LAYER]}),
    "schedule by day": (
        "schedule",
        {
            "name": "office hours",
            "timeZone": "Europe/Berlin",
            "layers": [
                {
                    **LAYER,
                    "restrictions": [
                        {
                            "type": "daily_restriction",
                            "startTimeOfDay": "08:00:00",
                            "durationSeconds": 32_400,
                        }
                    ],
                }
            ],
        },
    ),
    "escalation policy": ("escalationPolicy", POLICY),
    "service": ("service", SERVICE),
    "integration": (
        "serviceIntegration",
        {"name": "sentry", "service": "S1", "type": "events_api_v2_inbound_integration"},
    ),
}
"""Their ids are those of nothing; a creation puts real ones in their place."""

DIFFERENCES: dict[str, set[str]] = {}
"""All differences; docs/twin-differences.md says why they are safe."""


def add_person(home: TwinHome) -> None:
    account = PagerDutyAccount(home)
    with closing(account.store):
        account.create("user", {"name": "first", "email": "first@example.com"})


def find_person(home: TwinHome) -> str:
    account = PagerDutyAccount(home)
    with closing(account.store):
        [identifier] = account.list_objects("user")
        return identifier


@pytest.fixture(scope="module")
def pair(real_pagerduty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderPair]:
    folder = tmp_path_factory.mktemp("pagerduty")
    with running_pair("pagerduty", real_pagerduty, folder, prepare=add_person) as pair:
        yield pair


@pytest.mark.parametrize("name", CASES)
def test_provider_and_stand_in_accept_the_same_inputs(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements(*CASES[name]) == []


def test_the_stand_in_alone_makes_each_case_and_plans_no_change_of_it(tmp_path: Path) -> None:
    homes: list[TwinHome] = []

    def prepare(home: TwinHome) -> None:
        add_person(home)
        homes.append(home)

    with running_stand_in("pagerduty", tmp_path / "twin", prepare=prepare) as stand_in:
        ids = {"P1": find_person(homes[0])}
        changing = [name for name, case in CASES.items() if _changes(stand_in, ids, *case)]
    assert changing == []


def _changes(stand_in: Plugin, ids: dict[str, str], kind: str, inputs: dict[str, Any]) -> bool:
    """Create a case with the ids of what was created before, and tell whether a second run changes it."""
    known = _with_ids(inputs, ids)
    created = stand_in.create(kind, known)
    ids |= {{"escalationPolicy": "E1", "service": "S1"}.get(kind, kind): created.id}
    return stand_in.has_perpetual_change(kind, created, known)


def _with_ids(value: Any, ids: dict[str, str]) -> Any:
    match value:
        case dict():
            return {name: _with_ids(item, ids) for name, item in value.items()}
        case list():
            return [_with_ids(item, ids) for item in value]
        case str():
            return ids.get(value, value)
        case _:
            return value
