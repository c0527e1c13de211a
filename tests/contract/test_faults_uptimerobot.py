"""Faults of UptimeRobot under its real provider: which are waited out, which fail, and the message."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from plugin_driver import Plugin
from provider_pair import running_provider
from refusal_messages import explain_refusal
from vendor_process import Twin, eventually

from twin.vendor import faults
from twin.vendor.faults import Fault
from twin.vendor.http import REFUSED

pytestmark = pytest.mark.shares("failing-uptimerobot")

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
def provider_on_twin(
    real_uptimerobot: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Twin, Plugin]]:
    with running_provider("uptimerobot", real_uptimerobot, tmp_path_factory.mktemp("uptimerobot")) as door:
        yield door


@pytest.fixture
def twin(provider_on_twin: tuple[Twin, Plugin]) -> Iterator[Twin]:
    """Give a twin whose account is empty and that has no fault planned."""
    twin = provider_on_twin[0]
    yield twin
    faults.cancel(twin.store, "uptimerobot")
    for kind in ("monitor", "integration", "account"):
        for identifier in twin.store.list("uptimerobot", kind):
            twin.store.remove("uptimerobot", kind, identifier)


@pytest.fixture
def robot(provider_on_twin: tuple[Twin, Plugin], twin: Twin) -> Plugin:  # noqa: ARG001 - a clean account
    return provider_on_twin[1]


def plan_faults(twin: Twin, *of: Fault) -> None:
    for fault in of:
        faults.plan(twin.store, "uptimerobot", fault)


def count_existing(twin: Twin, kind: str) -> int:
    return len(twin.store.list("uptimerobot", kind))


def failure(call: Callable[[], Any]) -> str:
    """Return the provider's message when the call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.details())


def test_a_rate_limit_is_waited_for_and_nothing_is_made_twice(twin: Twin, robot: Plugin) -> None:
    plan_faults(
        twin, Fault("POST", "/v3/integrations", 429, "Too many requests.", {"Retry-After": "1"}, times=2)
    )
    robot.create("integration", HOOK)
    assert count_existing(twin, "integration") == 1


def test_requests_beyond_the_plans_rate_limit_wait_and_each_integration_is_created_once(
    twin: Twin, robot: Plugin
) -> None:
    twin.store.insert("uptimerobot", "account", "0", {"plan": "free"})
    with ThreadPoolExecutor(12) as pool:
        hooks = [HOOK | {"value": f"https://example.com/{number}"} for number in range(12)]
        list(pool.map(lambda hook: robot.create("integration", hook), hooks))
    assert twin.recorded(REFUSED)
    assert count_existing(twin, "integration") == len(hooks)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_integration_that_the_vendor_failed_to_create_is_asked_for_again(
    twin: Twin, robot: Plugin, status: int
) -> None:
    plan_faults(twin, Fault("POST", "/v3/integrations", status, "Try later."))
    robot.create("integration", HOOK)
    assert count_existing(twin, "integration") == 1


def test_a_monitor_that_the_vendor_failed_to_create_is_reported_and_can_be_created_again(
    twin: Twin, robot: Plugin
) -> None:
    for status in (500, 502, 503):
        plan_faults(twin, Fault("POST", "/v3/monitors", status, "Try later."))
        message = failure(lambda: robot.create("monitor", MONITOR))
        assert f"status {status}: Try later." in message
        assert "status.uptimerobot.com" in explain_refusal("uptimerobot", "monitor", message).next_step
    robot.create("monitor", MONITOR)
    assert count_existing(twin, "monitor") == 1


def test_an_answer_that_broke_off_leaves_an_integration_that_the_next_run_names(
    twin: Twin, robot: Plugin
) -> None:
    plan_faults(twin, Fault("POST", "/v3/integrations", cut=True))
    assert "unexpected EOF" in failure(lambda: robot.create("integration", HOOK))
    message = failure(lambda: robot.create("integration", HOOK))
    assert "exists already as" in message
    assert "adopt" in explain_refusal("uptimerobot", "integration", message).next_step
    assert count_existing(twin, "integration") == 1


def test_an_answer_that_comes_too_late_is_reported_and_the_monitor_exists_all_the_same(
    twin: Twin, robot: Plugin
) -> None:
    plan_faults(twin, Fault("POST", "/v3/monitors", applied=True, delay_seconds=PATIENCE_SECONDS + 1))
    message = failure(lambda: robot.create("monitor", MONITOR))
    assert "Client.Timeout exceeded" in message
    next_step = explain_refusal("uptimerobot", "monitor", message).next_step
    assert "`./bulwark adopt` finds what UptimeRobot has of it" in next_step
    eventually(lambda: count_existing(twin, "monitor") == 1)


def test_a_monitor_that_is_not_readable_at_once_is_read_again_and_not_created_again(
    twin: Twin, robot: Plugin
) -> None:
    plan_faults(twin, Fault("GET", ONE, 404, "Not yet.", times=2), Fault("GET", ONE, 503, "Nor now."))
    resource = robot.create("monitor", MONITOR)
    assert list(twin.store.list("uptimerobot", "monitor")) == [resource.id]


def test_monitors_beyond_the_accounts_plan_are_refused_by_the_vendor(twin: Twin, robot: Plugin) -> None:
    twin.store.insert("uptimerobot", "account", "0", {"plan": "free"})
    fast = MONITOR | {"interval": 60}
    message = failure(lambda: robot.create("monitor", fast))
    assert "at least 300 seconds on this account's plan" in message
    assert (
        "ask for less in the stack's settings" in explain_refusal("uptimerobot", "monitor", message).next_step
    )
    beat = {"name": "dump", "type": "HEARTBEAT", "interval": 3600, "gracePeriod": 60}
    message = failure(lambda: robot.create("monitor", beat))
    assert "not available on the free plan" in message
    assert (
        "ask for less in the stack's settings" in explain_refusal("uptimerobot", "monitor", message).next_step
    )
    assert count_existing(twin, "monitor") == 0


def test_an_integration_deleted_at_uptimerobot_is_gone_on_refresh(twin: Twin, robot: Plugin) -> None:
    resource = robot.create("integration", HOOK)
    twin.uptimerobot.delete("integration", resource.id)
    assert robot.read("integration", resource) is None
    robot.delete("integration", resource)


def test_a_wrong_api_key_creates_nothing(real_uptimerobot: Path, tmp_path: Path) -> None:
    with running_provider("uptimerobot", real_uptimerobot, tmp_path, credential="wrong") as (twin, robot):
        message = failure(lambda: robot.create("integration", HOOK))
        assert "status 401: The API key is not valid." in message
        assert "UPTIMEROBOT_API_KEY" in explain_refusal("uptimerobot", "integration", message).next_step
        assert count_existing(twin, "integration") == 0


def test_a_missing_api_key_is_reported_before_any_request(real_uptimerobot: Path, tmp_path: Path) -> None:
    def configured() -> None:
        with running_provider("uptimerobot", real_uptimerobot, tmp_path, credential=""):
            pass

    message = failure(configured)
    assert "Missing API Key Configuration" in message
    assert "UPTIMEROBOT_API_KEY" in explain_refusal("uptimerobot", "", message).next_step
