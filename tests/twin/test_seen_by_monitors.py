"""What the monitors say, read over the vendors' APIs as `./bulwark status` does; the public status page."""

from collections.abc import Iterator

import httpx
import pytest
from vendor_process import Twin, eventually, running_twin, serving_target

from engine.vendor_errors import VENDORS
from live.declared import DeclaredStack
from live.vendor_api import Api
from status.monitoring import read_crons, read_issues, read_monitors

STACK = "urn:pulumi:prod::bulwark::"
CRON = "sentry:index/cronMonitor:CronMonitor"
MONITOR = "uptimerobot:index/monitor:Monitor"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("seen")) as twin:
        yield twin


def open_api(twin: Twin, vendor: str, path: str) -> Api:
    info = VENDORS[vendor]
    return Api(info, httpx.Client(base_url=f"{twin.url}/{vendor}/{path}"), twin.home.secret(info.variable))


def declare(token: str, identifier: str, **inputs: object) -> dict[str, object]:
    return {
        "urn": f"{STACK}{token}::{identifier}",
        "type": token,
        "id": identifier,
        "custom": True,
        "inputs": inputs,
    }


def test_a_monitor_is_up_down_paused_unarmed_or_missing_as_the_vendor_sees_it(twin: Twin) -> None:
    with serving_target() as target:
        up = twin.monitor(name="up", url=f"{target.url}/health")
        down = twin.monitor(name="down", url="http://127.0.0.1:9/")
        paused = twin.monitor(name="paused", url=f"{target.url}/health", isPaused=True)
        unarmed = twin.monitor(name="unarmed", url="http://127.0.0.1:9/", isPaused=True)
        beat, _ = twin.uptimerobot.create(
            "monitor", {"name": "beat", "type": "HEARTBEAT", "interval": 86_400, "gracePeriod": 60}
        )
        declared = DeclaredStack(
            [
                declare(MONITOR, up, name="up", type="HTTP", url=f"{target.url}/health"),
                declare(MONITOR, down, name="down", type="HTTP", url="http://127.0.0.1:9/"),
                declare(MONITOR, paused, name="paused", type="HTTP", url=f"{target.url}/health"),
                declare(MONITOR, unarmed, name="unarmed", type="HTTP", isPaused=True),
                declare(MONITOR, beat, name="beat", type="HEARTBEAT"),
                declare(MONITOR, "4711", name="gone", type="HTTP", url="https://api.example.com"),
            ]
        )
        twin.await_status(up, "UP")
        twin.await_status(down, "DOWN")
        twin.await_status(paused, "PAUSED")
        twin.await_status(unarmed, "PAUSED")
        found = read_monitors(open_api(twin, "uptimerobot", "v3"), declared)
    assert [(one.name, one.kind, one.state) for one in found] == [
        ("up", "monitor", "up"),
        ("down", "monitor", "down"),
        ("paused", "monitor", "paused"),
        ("unarmed", "monitor", "unarmed"),
        ("beat", "heartbeat", "waiting"),
        ("gone", "monitor", "missing"),
    ]
    assert all(one.state_seconds is not None and one.state_seconds < 600 for one in found[:3])
    assert "heartbeat/" not in str(found)  # whoever knows the address can silence the alarm


def test_the_public_page_shows_its_monitors_to_everybody(twin: Twin) -> None:
    with serving_target() as target:
        monitor = twin.monitor(name="<b>shop</b>", url=f"{target.url}/health")
        shown, page = twin.uptimerobot.create("psp", {"name": "Shop", "monitorIds": [int(monitor)]})
        twin.await_status(monitor, "UP")
        address = f"{twin.url}/uptimerobot/status/{page['urlKey']}"
        answer = httpx.get(address)
        assert answer.status_code == 200
        assert "All systems are up" in answer.text
        assert "&lt;b&gt;shop&lt;/b&gt;" in answer.text
        target.status = 503
        twin.await_status(monitor, "DOWN")
        assert "Some systems are down" in httpx.get(address).text
    assert httpx.get(f"{twin.url}/uptimerobot/status/unknown").status_code == 404
    twin.uptimerobot.update("psp", shown, {"password": "hunter2"})
    assert httpx.get(address).status_code == 403


def test_check_ins_and_open_issues_are_those_of_sentry(twin: Twin) -> None:
    twin.sentry.create("team", {"organization": "example", "name": "Platform"})
    twin.sentry.create("project", {"organization": "example", "teams": ["platform"], "name": "backend"})
    _, key = twin.sentry.create("key", {"organization": "example", "project": "backend", "name": "default"})
    for name in ("dump", "drill", "proof"):
        twin.sentry.create(
            "cronMonitor",
            {
                "organization": "example",
                "project": "backend",
                "name": name,
                "schedule": {"crontab": "0 3 1 1 *"},
                "failureIssueThreshold": 1,
                "recoveryThreshold": 1,
            },
        )
    for name, status in (("dump", "ok"), ("drill", "error")):
        address = key["dsn"]["crons"].replace("___MONITOR_SLUG___", name)
        assert httpx.get(address, params={"status": status}).status_code < 300
    declared = DeclaredStack(declare(CRON, name, name=name) for name in ("dump", "drill", "proof", "copy"))
    api = open_api(twin, "sentry", "api/0")
    found = read_crons(api, "example", declared)
    assert {one.name: one.state for one in found} == {
        "dump": "ok",
        "drill": "failed",
        "proof": "waiting",
        "copy": "missing",
    }
    assert [one.name for one in found if one.checked_in_at] == ["dump", "drill"]
    [issue] = eventually(lambda: read_issues(api, "example", ["backend"]))
    assert (issue.kind, issue.title, issue.count) == ("alert", "Cron failure: drill", 1)
    assert read_issues(api, "example", ["frontend"]) == ()
