"""A monitor is armed when its address answers for the first time, and stays armed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pulumi
import pytest

from components.arming import GATE, ArmingGate, DeclaredMonitor, arm_monitors
from engine.first_answers import ArmedAsBefore, FirstAnswers, describe_waiting
from engine.plan_file import ResourcePlan
from engine.stack_target import VendorTarget
from engine.targets import find_target

MONITOR, PROBER = "uptimerobot:index/monitor:Monitor", "sentry:index/uptimeMonitor:UptimeMonitor"
HEARTBEAT = DeclaredMonitor("job-database-heartbeat", "", "", ("2xx",), follows_redirects=True)


@dataclass
class Platform:
    """A platform whose answer the test chooses."""

    address: str
    status: int = 200
    body: bytes = b'{"status":"ok"}'


@pytest.fixture
def platform() -> Iterator[Platform]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(served.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(served.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        served = Platform(f"http://127.0.0.1:{server.server_port}/health")
        yield served
        server.shutdown()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FirstAnswers:
    monkeypatch.setenv("NO_PROXY", "*")
    return FirstAnswers(find_target("prod", on_twin=False), tmp_path / "unarmed.json")


def watch(address: str, name: str = "uptime-health", statuses: tuple[str, ...] = ("2xx",)) -> DeclaredMonitor:
    return DeclaredMonitor(name, address, '"status":"ok"', statuses, follows_redirects=False)


def in_state(type_: str, name: str, **inputs: object) -> dict[str, object]:
    urn = f"urn:pulumi:prod::bulwark::bulwark:index:Platform${type_}::{name}"
    return {"urn": urn, "type": type_, "inputs": inputs}


def fail(platform: Platform) -> None:
    platform.status = 503


def say_something_else(platform: Platform) -> None:
    platform.body = b"<h1>It works!</h1>"


def redirect(platform: Platform) -> None:
    platform.status = 302


def serve_nothing(platform: Platform) -> None:
    platform.address = "http://127.0.0.1:9/health"


def have_no_name(platform: Platform) -> None:
    platform.address = "http://api.invalid/health"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (fail, "answers with HTTP 503"),
        (say_something_else, "answers without the keyword"),
        (redirect, "answers with HTTP 302"),
        (serve_nothing, "does not answer ("),
        (have_no_name, "does not answer ("),
    ],
)
def test_a_monitor_waits_until_its_address_answers_as_it_demands(
    gate: FirstAnswers, platform: Platform, tmp_path: Path, change: Callable[[Platform], None], reason: str
) -> None:
    change(platform)
    monitor = watch(platform.address)
    assert not gate.arms(monitor)
    assert gate.waiting[monitor.name].reason.startswith(reason)
    assert platform.address in describe_waiting(list(gate.waiting.values()))
    assert json.loads((tmp_path / "unarmed.json").read_text()) == ["uptime-health"]


def test_an_answer_counts_by_the_statuses_of_the_check(gate: FirstAnswers, platform: Platform) -> None:
    platform.status = 401
    assert gate.arms(watch(platform.address, "uptime-closed", ("2xx", "401")))
    assert gate.arms(watch(platform.address, "uptime-any", ("4xx",)))
    assert not gate.arms(watch(platform.address, "uptime-open", ("2xx", "403")))


def test_a_waiting_monitor_is_armed_once_its_address_answers(gate: FirstAnswers, platform: Platform) -> None:
    fail(platform)
    monitor = watch(platform.address)
    assert not gate.arms(monitor)
    assert not gate.ask_again()
    platform.status = 200
    assert not gate.arms(monitor), "what was asked once holds for all runs of a command"
    assert gate.ask_again()
    assert gate.arms(monitor)
    assert gate.waiting == {}
    assert describe_waiting([]) == ""


def test_an_outage_disarms_nothing(gate: FirstAnswers, platform: Platform) -> None:
    gate.remember(
        [
            in_state(MONITOR, "uptime-health", isPaused=False),
            in_state(PROBER, "errors-health", enabled=True),
            in_state(MONITOR, "uptime-version", isPaused=True),
            in_state(PROBER, "errors-version", enabled=False),
        ]
    )
    fail(platform)
    armed = {
        name: gate.arms(watch(platform.address, name))
        for name in ("uptime-health", "errors-health", "uptime-version", "errors-version", "uptime-new")
    }
    assert [name for name, is_armed in armed.items() if is_armed] == ["uptime-health", "errors-health"]


def test_a_heartbeat_waits_for_the_platforms_first_answer(gate: FirstAnswers, platform: Platform) -> None:
    assert not gate.arms(watch("http://127.0.0.1:9/health"))
    assert not gate.arms(HEARTBEAT)
    assert gate.arms(watch(platform.address, "uptime-version"))
    assert gate.arms(HEARTBEAT)
    assert list(gate.waiting) == ["uptime-health"]


def test_a_heartbeat_is_armed_where_no_address_is_watched(gate: FirstAnswers) -> None:
    assert gate.arms(HEARTBEAT)


def test_a_reviewed_plan_arms_what_it_says_whatever_answers_now(
    gate: FirstAnswers, platform: Platform
) -> None:
    def planned(type_: str, name: str, **inputs: object) -> tuple[str, ResourcePlan]:
        return str(in_state(type_, name)["urn"]), ResourcePlan(frozenset(("create",)), inputs)

    gate.follow(
        dict(
            [
                planned(MONITOR, "uptime-health", isPaused=False),
                planned(MONITOR, "uptime-version", isPaused=True),
                planned(PROBER, "errors-health", enabled=True),
                planned(MONITOR, HEARTBEAT.name, isPaused=False),
            ]
        )
    )
    assert not gate.arms(watch(platform.address, "uptime-version"))
    assert not gate.arms(watch(platform.address, "uptime-frontend")), "waiting before, and not in the plan"
    fail(platform)
    assert gate.arms(watch(platform.address))
    assert gate.arms(watch(platform.address, "errors-health"))
    assert gate.arms(HEARTBEAT)
    assert not gate.ask_again()


def test_a_rebuilt_state_is_compared_with_what_it_has_armed() -> None:
    gate = ArmedAsBefore(
        [in_state(MONITOR, "uptime-health", isPaused=True), in_state(PROBER, "errors-health", enabled=True)]
    )
    armed = {
        name: gate.arms(watch("http://127.0.0.1:9/", name)) for name in ("uptime-health", "errors-health")
    }
    assert armed == {"uptime-health": False, "errors-health": True}


class Closed(ArmingGate):
    """A gate that arms nothing, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[DeclaredMonitor] = []

    def arms(self, monitor: DeclaredMonitor) -> bool:
        self.asked.append(monitor)
        return False


def transform(
    type_: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None
) -> dict[str, Any] | None:
    """Return the changed inputs of a resource; None if it stays as it is declared."""
    args = pulumi.ResourceTransformationArgs(
        cast("pulumi.Resource", None), type_, "uptime-health", props, opts or pulumi.ResourceOptions()
    )
    result = arm_monitors(args)
    return cast("dict[str, Any]", result.props) if result else None


def test_a_monitor_that_the_gate_does_not_arm_is_switched_off() -> None:
    gate = Closed()
    GATE.set(gate)
    url = {"url": "https://api.example.com/health"}
    keyword = {
        "keyword_type": "ALERT_NOT_EXISTS",
        "keyword_value": "ok",
        "success_http_response_codes": ["204"],
        "follow_redirections": False,
    }
    try:
        assert transform(MONITOR, {**url, **keyword, "is_paused": False}) == {
            **url,
            **keyword,
            "is_paused": True,
        }
        assert transform(PROBER, {**url, "enabled": True}) == {**url, "enabled": False}
        assert transform(MONITOR, {"is_paused": False}) == {"is_paused": True}
        asked = len(gate.asked)
        assert transform(MONITOR, url, pulumi.ResourceOptions(import_="801234567")) is None
        assert transform(MONITOR, url, pulumi.ResourceOptions(id="801234567")) is None
        assert transform("sentry:index/cronMonitor:CronMonitor", {"enabled": True}) is None
        assert len(gate.asked) == asked
    finally:
        GATE.set(None)
    assert gate.asked[0] == DeclaredMonitor(
        "uptime-health", url["url"], "ok", ("204",), follows_redirects=False
    )
    assert gate.asked[1] == DeclaredMonitor("uptime-health", url["url"], "", ("2xx",), follows_redirects=True)
    assert gate.asked[2].address == ""
    assert transform(MONITOR, {**url, "is_paused": False}) is None


def test_the_vendors_platform_is_asked_by_public_certificates() -> None:
    target = find_target("prod", on_twin=False)
    assert isinstance(target, VendorTarget)
    assert target.tls_context().check_hostname
