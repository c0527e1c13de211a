"""UptimeRobot's bad days, met by its real provider: what passes, what fails and how it says so."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from plugin_driver import Plugin
from provider_pair import at_the_door
from refusal_messages import explained
from vendor_process import Twin, eventually

from twin.vendor import faults
from twin.vendor.faults import Fault
from twin.vendor.http import REFUSED

MONITOR: dict[str, Any] = {"name": "health", "type": "HTTP", "url": "https://127.0.0.1:9", "interval": 300}
HOOK: dict[str, Any] = {
    "name": "hook",
    "type": "slack",
    "value": "https://example.com/once",
    "enableNotificationsFor": 1,
    "sslExpirationReminder": True,
}
ONE = r"/v3/monitors/\d+"
PATIENCE_SECONDS = 30
"""How long the provider waits for an answer, which can't be set."""


@pytest.fixture(scope="module")
def door(real_plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Plugin]]:
    with at_the_door("uptimerobot", real_plugins, tmp_path_factory.mktemp("uptimerobot")) as door:
        yield door


@pytest.fixture
def twin(door: tuple[Twin, Plugin]) -> Iterator[Twin]:
    """Give a twin whose account is empty and that has no fault planned."""
    twin = door[0]
    yield twin
    faults.cancel(twin.store, "uptimerobot")
    for kind in ("monitor", "integration", "account"):
        for identifier in twin.store.list("uptimerobot", kind):
            twin.store.remove("uptimerobot", kind, identifier)


@pytest.fixture
def robot(door: tuple[Twin, Plugin], twin: Twin) -> Plugin:  # noqa: ARG001 - a clean account
    return door[1]


def planned(twin: Twin, *of: Fault) -> None:
    for fault in of:
        faults.plan(twin.store, "uptimerobot", fault)


def existing(twin: Twin, kind: str) -> int:
    return len(twin.store.list("uptimerobot", kind))


def failure(call: Callable[[], Any]) -> str:
    """Return what the provider says when the call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.details())  # pyright: ignore[reportAttributeAccessIssue] - an error of a call has details


def test_a_rate_limit_is_waited_for_and_nothing_is_made_twice(twin: Twin, robot: Plugin) -> None:
    planned(twin, Fault("POST", "/v3/integrations", 429, "Too many requests.", {"Retry-After": "1"}, times=2))
    robot.create("integration", HOOK)
    assert existing(twin, "integration") == 1


def test_more_requests_than_the_plan_answers_in_a_minute_wait_and_all_is_made_once(
    twin: Twin, robot: Plugin
) -> None:
    twin.store.insert("uptimerobot", "account", "0", {"plan": "free"})
    with ThreadPoolExecutor(12) as pool:
        hooks = [HOOK | {"value": f"https://example.com/{number}"} for number in range(12)]
        list(pool.map(lambda hook: robot.create("integration", hook), hooks))
    assert twin.recorded(REFUSED)
    assert existing(twin, "integration") == len(hooks)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_integration_that_the_vendor_failed_to_make_is_asked_for_again(
    twin: Twin, robot: Plugin, status: int
) -> None:
    planned(twin, Fault("POST", "/v3/integrations", status, "Try later."))
    robot.create("integration", HOOK)
    assert existing(twin, "integration") == 1


def test_a_monitor_that_the_vendor_failed_to_make_is_told_and_can_be_made_again(
    twin: Twin, robot: Plugin
) -> None:
    for status in (500, 502, 503):
        planned(twin, Fault("POST", "/v3/monitors", status, "Try later."))
        said = failure(lambda: robot.create("monitor", MONITOR))
        assert f"status {status}: Try later." in said
        assert "status.uptimerobot.com" in explained("uptimerobot", "monitor", said).next_step
    robot.create("monitor", MONITOR)
    assert existing(twin, "monitor") == 1


def test_an_answer_that_broke_off_leaves_an_integration_that_the_next_run_names(
    twin: Twin, robot: Plugin
) -> None:
    planned(twin, Fault("POST", "/v3/integrations", cut=True))
    assert "unexpected EOF" in failure(lambda: robot.create("integration", HOOK))
    said = failure(lambda: robot.create("integration", HOOK))
    assert "exists already as" in said
    assert "adopt" in explained("uptimerobot", "integration", said).next_step
    assert existing(twin, "integration") == 1


def test_an_answer_that_comes_too_late_is_told_for_the_monitor_is_made_all_the_same(
    twin: Twin, robot: Plugin
) -> None:
    planned(twin, Fault("POST", "/v3/monitors", applied=True, delay_seconds=PATIENCE_SECONDS + 1))
    said = failure(lambda: robot.create("monitor", MONITOR))
    assert "Client.Timeout exceeded" in said
    next_step = explained("uptimerobot", "monitor", said).next_step
    assert "look at UptimeRobot whether it was made all the same" in next_step
    eventually(lambda: existing(twin, "monitor") == 1)


def test_what_is_not_readable_at_once_is_read_again_and_not_made_again(twin: Twin, robot: Plugin) -> None:
    planned(twin, Fault("GET", ONE, 404, "Not yet.", times=2), Fault("GET", ONE, 503, "Nor now."))
    made = robot.create("monitor", MONITOR)
    assert list(twin.store.list("uptimerobot", "monitor")) == [made.id]


def test_the_plan_of_the_account_is_the_vendors_to_judge(twin: Twin, robot: Plugin) -> None:
    twin.store.insert("uptimerobot", "account", "0", {"plan": "free"})
    fast = MONITOR | {"interval": 60}
    said = failure(lambda: robot.create("monitor", fast))
    assert "at least 300 seconds on this account's plan" in said
    assert "ask for less in the stack's settings" in explained("uptimerobot", "monitor", said).next_step
    beat = {"name": "dump", "type": "HEARTBEAT", "interval": 3600, "gracePeriod": 60}
    said = failure(lambda: robot.create("monitor", beat))
    assert "not available on the free plan" in said
    assert "ask for less in the stack's settings" in explained("uptimerobot", "monitor", said).next_step
    assert existing(twin, "monitor") == 0


def test_what_was_deleted_behind_its_back_is_gone_on_refresh(twin: Twin, robot: Plugin) -> None:
    made = robot.create("integration", HOOK)
    twin.uptimerobot.delete("integration", made.id)
    assert robot.read("integration", made) is None
    robot.delete("integration", made)


def test_a_wrong_key_makes_nothing(real_plugins: Path, tmp_path: Path) -> None:
    with at_the_door("uptimerobot", real_plugins, tmp_path, credential="wrong") as (twin, robot):
        said = failure(lambda: robot.create("integration", HOOK))
        assert "status 401: The API key is not valid." in said
        assert "uptimerobot_api_key" in explained("uptimerobot", "integration", said).next_step
        assert existing(twin, "integration") == 0


def test_a_missing_key_is_told_before_anything_is_asked(real_plugins: Path, tmp_path: Path) -> None:
    def configured() -> None:
        with at_the_door("uptimerobot", real_plugins, tmp_path, credential=""):
            pass

    said = failure(configured)
    assert "Missing API Key Configuration" in said
    assert "uptimerobot_api_key" in explained("uptimerobot", "", said).next_step
