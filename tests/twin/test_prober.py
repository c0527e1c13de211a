"""What the prober finds, and which contacts it alerts."""

import json
import socket
import ssl
import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from vendor_process import (
    FAST,
    Target,
    Twin,
    eventually,
    fresh_home,
    running_twin,
    running_vendors,
    serving_target,
)

from twin.host.home import TwinHome
from twin.host.tls import ensure_certificates


@pytest.fixture
def twin(tmp_path: Path) -> Generator[Twin]:
    with running_twin(tmp_path) as running:
        yield running


@pytest.fixture
def target() -> Generator[Target]:
    with serving_target() as served:
        yield served


def server_context(home: TwinHome) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home.tls / "platform.crt", home.tls / "platform.key")
    return context


def test_an_outage_and_its_end_are_reported_to_the_assigned_contact(twin: Twin, target: Target) -> None:
    sev1, _sev3 = twin.contact("sev1"), twin.contact("sev3")
    monitor = twin.monitor(sev1, url=f"{target.url}/health")
    twin.await_status(monitor, "UP")
    target.status = 503
    down = eventually(lambda: twin.received("sev1"))[0]
    assert (down["monitorFriendlyName"], down["alertTypeFriendlyName"]) == ("backend", "Down")
    assert (down["monitorID"], down["alertDetails"]) == (monitor, "HTTP 503")
    target.status = 200
    up = eventually(lambda: twin.received("sev1")[1:])[0]
    assert (up["alertType"], up["alertTypeFriendlyName"]) == ("2", "Up")
    assert twin.received("sev3") == []
    assert len(twin.received("sev1")) == 2


def test_a_red_target_is_noticed_within_the_interval(twin: Twin, target: Target) -> None:
    monitor = twin.monitor(url=target.url, interval=180)  # three seconds at this speed
    twin.await_status(monitor, "UP")
    target.status = 500
    red_since = time.time()
    twin.await_status(monitor, "DOWN")
    assert time.time() - red_since < 180 / FAST + 15, "the rest is for a busy machine"
    looks = [r.unix_time for r in twin.store.read_log("probes") if r.content["monitorId"] == monitor]
    assert looks[-1] - looks[0] > 0.9 * 180 / FAST, "the target is not looked at more often than declared"


def test_a_failure_that_a_second_look_does_not_confirm_alerts_nobody(twin: Twin, target: Target) -> None:
    target.body = "red"
    monitor = twin.monitor(
        twin.contact(), type="KEYWORD", url=target.url, keywordType="ALERT_EXISTS",
        keywordCaseType="CaseSensitive", keywordValue="red",
    )  # fmt: skip
    eventually(lambda: target.requests)
    target.body = "green"
    twin.await_status(monitor, "UP")
    assert [probe["up"] for probe in twin.recorded("probes")] == [True]
    assert twin.recorded("deliveries") == []


def test_a_paused_monitor_is_not_probed(twin: Twin, target: Target) -> None:
    monitor = twin.monitor(url=target.url, isPaused=True)
    twin.await_status(monitor, "PAUSED")
    time.sleep(0.3)
    assert target.requests == []
    twin.uptimerobot.update("monitor", monitor, {"isPaused": False})
    twin.await_status(monitor, "UP")


@pytest.mark.parametrize(
    ("keyword", "status"),
    [
        (("ALERT_NOT_EXISTS", "CaseSensitive", '"ok"'), "UP"),
        (("ALERT_NOT_EXISTS", "CaseSensitive", '"OK"'), "DOWN"),
        (("ALERT_NOT_EXISTS", "CaseInsensitive", '"OK"'), "UP"),
        (("ALERT_EXISTS", "CaseSensitive", '"ok"'), "DOWN"),
        (("ALERT_EXISTS", "CaseSensitive", '"degraded"'), "UP"),
    ],
)
def test_a_keyword_decides_whether_a_monitor_is_up(
    twin: Twin, target: Target, keyword: tuple[str, str, str], status: str
) -> None:
    type_, case, value = keyword
    monitor = twin.monitor(
        type="KEYWORD", url=target.url, keywordType=type_, keywordCaseType=case, keywordValue=value
    )
    twin.await_status(monitor, status)


@pytest.mark.parametrize(
    ("checks", "logic", "status"),
    [
        ([("$.status", "equals", "ok"), ("$.checks[1].ms", "less_than", 10)], "AND", "UP"),
        ([("$.status", "equals", "ok"), ("$.checks[1].ms", "greater_than", 10)], "AND", "DOWN"),
        ([("$.status", "contains", "zzz"), ("$.gone", "is_null", None)], "OR", "DOWN"),
        ([("$.status", "not_equals", "ok"), ("$.empty", "is_null", None)], "OR", "UP"),
    ],
)
def test_assertions_on_an_api_decide_whether_a_monitor_is_up(
    twin: Twin, target: Target, checks: list[tuple[str, str, object]], logic: str, status: str
) -> None:
    target.body = json.dumps({"status": "ok", "empty": None, "checks": [{"ms": 1}, {"ms": 7}]})
    listed = [
        {
            "property": path,
            "comparison": comparison,
            **({} if value is None else {"target": json.dumps(value)}),
        }
        for path, comparison, value in checks
    ]
    config = {"apiAssertions": {"logic": logic, "checks": listed}}
    twin.await_status(twin.monitor(type="API", url=target.url, config=config), status)


def test_a_monitor_sends_the_request_that_it_declares(twin: Twin, target: Target) -> None:
    twin.monitor(
        url=f"{target.url}/echo", httpMethodType="POST", postValueData='{"a":1}',
        customHttpHeaders={"x-probe": "yes"}, httpUsername="robot", httpPassword="pw", authType="HTTP_BASIC",
    )  # fmt: skip
    method, path, headers, body = eventually(lambda: target.requests)[0]
    assert (method, path, body) == ("POST", "/echo", '{"a":1}')
    assert headers["x-probe"] == "yes"
    assert headers["authorization"] == "Basic cm9ib3Q6cHc="


def test_only_the_declared_status_codes_are_up(twin: Twin, target: Target) -> None:
    target.status = 404
    assert twin.status(twin.monitor(url=target.url)) == "UNKNOWN"
    twin.await_status(twin.monitor(url=target.url, successHttpResponseCodes=["404"]), "UP")
    twin.await_status(twin.monitor(url=target.url, successHttpResponseCodes=["2xx", "500"]), "DOWN")


def test_a_port_monitor_is_up_while_something_listens(twin: Twin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monitor = twin.monitor(type="PORT", url="127.0.0.1", port=port)
        twin.await_status(monitor, "UP")
    twin.await_status(monitor, "DOWN")


def test_a_certificate_of_the_twins_authority_is_trusted(twin: Twin) -> None:
    with serving_target(server_context(twin.home)) as target:
        twin.await_status(twin.monitor(url=target.url, checkSslErrors=True), "UP")


def test_a_certificate_of_another_authority_is_an_outage_only_where_it_is_checked(
    twin: Twin, tmp_path: Path
) -> None:
    with serving_target(server_context(fresh_home(tmp_path / "stranger"))) as target:
        checked = twin.monitor(url=target.url, checkSslErrors=True)
        unchecked = twin.monitor(url=target.url, checkSslErrors=False)
        twin.await_status(checked, "DOWN")
        twin.await_status(unchecked, "UP")
    problems = [probe["detail"] for probe in twin.recorded("probes") if not probe["up"]]
    assert "CERTIFICATE_VERIFY_FAILED" in problems[0]


def test_the_end_of_a_certificate_is_announced_once_and_only_to_contacts_that_want_it(
    twin: Twin, tmp_path: Path
) -> None:
    other = TwinHome(tmp_path / "short")
    other.create()
    ensure_certificates(other, lifetime=timedelta(days=5))
    wants = twin.contact("wants", sslExpirationReminder=True)
    unmoved = twin.contact("unmoved")
    with serving_target(server_context(other)) as target:
        twin.monitor(
            wants, unmoved, url=target.url, sslExpirationReminder=True,
            config={"sslExpirationPeriodDays": [3, 7, 30]},
        )  # fmt: skip
        reminder = eventually(lambda: twin.received("wants"))[0]
        eventually(lambda: len(twin.recorded("probes")) >= 3)
    assert (reminder["alertType"], reminder["alertTypeFriendlyName"]) == ("3", "SSL expiry")
    assert reminder["sslExpiryDaysLeft"] == "7"
    assert len(twin.received("wants")) == 1
    assert twin.received("unmoved") == []


def test_a_slow_answer_alerts_without_an_outage(twin: Twin, target: Target) -> None:
    target.delay_seconds = 0.8
    monitor = twin.monitor(twin.contact(), url=target.url, responseTimeThreshold=500)
    slow = eventually(lambda: twin.received("sev1"))[0]
    assert slow["alertTypeFriendlyName"] == "Slow response"
    assert "over 500 ms" in slow["alertDetails"]
    assert twin.status(monitor) == "UP"
    target.delay_seconds = 0.0
    assert "back to normal" in eventually(lambda: twin.received("sev1")[1:])[0]["alertTypeFriendlyName"]


def test_a_target_that_hangs_is_an_outage_after_the_timeout(twin: Twin, target: Target) -> None:
    target.delay_seconds = 1.5
    monitor = twin.monitor(url=target.url, timeout=1)
    twin.await_status(monitor, "DOWN")
    assert twin.recorded("probes")[0]["detail"] == "no answer in 1 s"


def test_a_missing_heartbeat_alerts_until_the_next_ping(twin: Twin) -> None:
    monitor = twin.monitor(twin.contact(), type="HEARTBEAT", interval=60, gracePeriod=60)
    url = twin.uptimerobot.read("monitor", monitor)["url"]  # pyrefly: ignore[unsupported-operation] - just made
    # On a busy machine one ping may be too old, at two seconds, before anyone looks.
    eventually(lambda: httpx.get(url).status_code == 200 and twin.status(monitor) == "UP")
    down = eventually(lambda: twin.received("sev1"))[0]
    assert down["alertDetails"] == "no ping in time"
    assert down["monitorURL"] == "", "the address of a heartbeat is a secret"
    eventually(lambda: httpx.head(url).status_code == 200 and twin.received("sev1")[1:])
    assert twin.received("sev1")[1]["alertTypeFriendlyName"] == "Up"


def test_a_heartbeat_that_never_came_alerts_too(twin: Twin) -> None:
    twin.monitor(twin.contact(), type="HEARTBEAT", interval=60, gracePeriod=0)
    assert eventually(lambda: twin.received("sev1"))


def test_an_unknown_heartbeat_is_refused(twin: Twin) -> None:
    twin.monitor(type="HEARTBEAT", interval=60, gracePeriod=0)
    assert httpx.get(f"{twin.url}/heartbeat/nobody").status_code == 404
    assert httpx.get(f"{twin.url}/heartbeat/").status_code == 404


def test_a_monitor_that_the_twin_cannot_probe_is_not_called_up(twin: Twin) -> None:
    monitor = twin.monitor(type="PING", url="localhost")
    twin.await_status(monitor, "NOT_PROBED")
    probe = twin.recorded("probes")[0]
    assert probe["up"] is None
    assert "not probed by the twin" in probe["detail"]


def test_a_maintenance_window_keeps_an_outage_quiet_until_it_is_over(twin: Twin, target: Target) -> None:
    opened = datetime.now(UTC) - timedelta(minutes=1)
    window, _ = twin.uptimerobot.create(
        "maintenanceWindow",
        {"name": "deploy", "interval": "daily", "time": f"{opened:%H:%M:%S}", "duration": 30},
    )
    target.status = 503
    monitor = twin.monitor(twin.contact(), url=target.url, maintenanceWindowIds=[int(window)])
    eventually(lambda: len(twin.recorded("probes")) >= 2)
    assert {probe["maintenance"] for probe in twin.recorded("probes")} == {True}
    assert twin.recorded("deliveries") == []
    twin.uptimerobot.update("monitor", monitor, {"maintenanceWindowIds": []})
    assert eventually(lambda: twin.received("sev1"))


def test_a_deleted_monitor_leaves_nothing_behind(twin: Twin, target: Target) -> None:
    target.status = 503
    monitor = twin.monitor(url=target.url)
    twin.await_status(monitor, "DOWN")
    twin.uptimerobot.delete("monitor", monitor)
    eventually(lambda: not twin.store.list("twin", "watch") and not twin.store.list("twin", "incident"))


def test_a_restart_neither_loses_nor_repeats_an_alert(tmp_path: Path) -> None:
    twin = Twin(fresh_home(tmp_path))
    with serving_target() as target:
        monitor = twin.monitor(twin.contact(), url=target.url)
        target.status = 503
        with running_vendors(twin.home, FAST):
            eventually(lambda: twin.received("sev1"))
        with running_vendors(twin.home, FAST):
            eventually(lambda: len(twin.recorded("probes")) >= 3)
            target.status = 200
            twin.await_status(monitor, "UP")
            eventually(lambda: len(twin.received("sev1")) == 2)
            assert [a["alertTypeFriendlyName"] for a in twin.received("sev1")] == ["Down", "Up"]
    twin.close()


def test_sentrys_uptime_monitor_is_a_second_opinion(twin: Twin, target: Target) -> None:
    twin.sentry.create("team", {"organization": "acme", "name": "ops"})
    twin.sentry.create("project", {"organization": "acme", "name": "api", "teams": ["ops"]})
    uptime, _ = twin.sentry.create(
        "uptimeMonitor",
        {
            "organization": "acme", "project": "api", "name": "api", "url": target.url, "method": "GET",
            "intervalSeconds": 60, "timeoutMs": 5000, "environment": "production", "downtimeThreshold": 2,
        },
    )  # fmt: skip
    twin.sentry.create(
        "alert",
        {
            "organization": "acme", "name": "down", "monitorIds": [uptime], "frequencyMinutes": 5,
            "triggerConditions": [{"firstSeenEvent": {}}, {"issueResolvedTrigger": {}}],
            "actionFilters": [{"logicType": "all", "actions": [{"email": {"targetType": "issue_owners"}}]}],
        },
    )  # fmt: skip
    twin.await_status(uptime, "UP", "sentry")
    target.status = 500
    mail = eventually(lambda: twin.received("email:issue_owners"))[0]
    assert mail["subject"] == f"[api] New issue: Downtime detected for {target.url}"
    failures = [probe for probe in twin.recorded("probes") if not probe["up"]]
    assert len(failures) >= 2
    target.status = 200
    eventually(
        lambda: [issue["status"] for issue in twin.store.list("sentry", "issue").values()] == ["resolved"]
    )
