"""Which contacts are alerted of an outage, when, and in which format."""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from vendor_process import Target, Twin, eventually, fresh_home, running_twin, running_vendors, serving_target


@pytest.fixture
def twin(tmp_path: Path) -> Generator[Twin]:
    with running_twin(tmp_path) as running:
        yield running


@pytest.fixture
def target() -> Generator[Target]:
    with serving_target() as served:
        yield served


def assigned(contact: str, *, threshold: int = 0, recurrence: int = 0) -> dict[str, Any]:
    return {"alertContactId": contact, "threshold": threshold, "recurrence": recurrence}


def cause_outage(twin: Twin, target: Target, *contacts: str) -> str:
    monitor = twin.monitor(*contacts, url=target.url)
    twin.await_status(monitor, "UP")
    target.status = 503
    twin.await_status(monitor, "DOWN")
    target.status = 200
    twin.await_status(monitor, "UP")
    return monitor


def delivery_outcomes(twin: Twin, contact: str) -> list[tuple[str, str]]:
    return [(d["event"], d["outcome"]) for d in twin.recorded("deliveries") if d["contact"] == contact]


def test_each_contact_gets_only_the_events_that_it_wants(twin: Twin, target: Target) -> None:
    contacts = [twin.contact(f"wants{n}", enableNotificationsFor=n) for n in (1, 2, 3, 4)]
    cause_outage(twin, target, *contacts)
    eventually(lambda: len(twin.recorded("deliveries")) == 4)
    assert sorted(delivery_outcomes(twin, "wants1")) == [("Down", "delivered"), ("Up", "delivered")]
    assert delivery_outcomes(twin, "wants2") == [("Down", "delivered")]
    assert delivery_outcomes(twin, "wants3") == [("Up", "delivered")]
    assert delivery_outcomes(twin, "wants4") == []


def test_a_threshold_spares_a_contact_short_outages(twin: Twin, target: Target) -> None:
    patient, eager = twin.contact("patient"), twin.contact("eager")
    contacts = [assigned(patient, threshold=60), assigned(eager)]
    monitor = twin.monitor(url=target.url, assignedAlertContacts=contacts)
    target.status = 503
    twin.await_status(monitor, "DOWN")
    target.status = 200
    eventually(lambda: len(twin.received("eager")) == 2)
    assert delivery_outcomes(twin, "patient") == []


def test_an_alert_waits_for_the_threshold_of_its_contact(twin: Twin, target: Target) -> None:
    target.status = 503
    monitor = twin.monitor(url=target.url, assignedAlertContacts=[assigned(twin.contact(), threshold=2)])
    twin.await_status(monitor, "DOWN")
    down_since = time.time()
    eventually(lambda: twin.received("sev1"))
    assert time.time() - down_since > 1.5, "two minutes are two seconds at this speed"


def test_a_recurrence_repeats_the_alert_until_the_end(twin: Twin, target: Target) -> None:
    target.status = 503
    contacts = [assigned(twin.contact(), recurrence=1), assigned(twin.contact("once"))]
    twin.monitor(url=target.url, assignedAlertContacts=contacts)
    eventually(lambda: len(twin.received("sev1")) >= 3)
    assert len(twin.received("once")) == 1


def test_a_slack_contact_gets_a_text(twin: Twin, target: Target) -> None:
    slack = twin.contact("ops", kind="slack", customValue="#sev1", enableNotificationsFor=2)
    cause_outage(twin, target, slack)
    assert eventually(lambda: twin.received("ops")) == [
        {"text": f"Down: backend ({target.url}) - HTTP 503", "channel": "#sev1"}
    ]


def test_a_webhook_gets_its_own_shape_with_the_variables_filled_in(twin: Twin, target: Target) -> None:
    target.body = 'so "quoted"'
    shape = {"event": "*alertTypeFriendlyName*", "about": ["*monitorFriendlyName*: *alertDetails*"], "n": 1}
    webhook = twin.contact(postValue=json.dumps(shape), enableNotificationsFor=2)
    cause_outage(twin, target, webhook)
    received = eventually(lambda: twin.received("sev1"))
    assert received == [{"event": "Down", "about": ["backend: HTTP 503"], "n": 1}]


@pytest.mark.parametrize(
    ("flags", "where"),
    [
        ({"sendAsJson": False, "sendAsPostParameters": True}, "form"),
        ({"sendAsJson": False, "sendAsQueryString": True}, "query"),
        ({"sendAsJson": False}, "query"),
    ],
)
def test_a_webhook_sends_the_variables_where_its_flags_say(
    twin: Twin, flags: dict[str, Any], where: str
) -> None:
    with serving_target() as receiver, serving_target() as target:
        webhook = twin.contact(
            value=f"{receiver.url}/hook?k=1",
            customHeaders={"x-token": "t"},
            enableNotificationsFor=2,
            **flags,
        )
        cause_outage(twin, target, webhook)
        method, path, headers, body = eventually(lambda: receiver.requests)[0]
    assert method == "POST"
    assert headers["x-token"] == "t"
    assert "k=1" in path
    assert "alertTypeFriendlyName=Down" in (path if where == "query" else body)


def test_pagerduty_gets_an_incident_that_the_end_resolves_but_never_the_key(
    twin: Twin, target: Target
) -> None:
    key = "planted-key-planted-key-planted-key"
    pager = twin.contact("pager", kind="pagerduty", value=key, autoResolve=True, location="us")
    monitor = cause_outage(twin, target, pager)
    eventually(lambda: len(twin.received("pagerduty:pager")) == 2)
    by_action = {event["event_action"]: event for event in twin.received("pagerduty:pager")}
    assert by_action["trigger"]["payload"]["severity"] == "critical"
    assert (
        by_action["resolve"]["dedup_key"]
        == by_action["trigger"]["dedup_key"]
        == f"uptimerobot-{monitor}-down"
    )
    assert key not in json.dumps([twin.recorded(stream) for stream in ("received", "deliveries", "probes")])


def test_a_mail_contact_gets_a_mail_in_the_inbox(twin: Twin, target: Target) -> None:
    contact, _ = twin.uptimerobot.create(
        "alertContact",
        {"name": "on-call", "type": "email", "value": "a@b.test", "notificationEvents": "down"},
    )
    cause_outage(twin, target, contact)
    mail = eventually(lambda: twin.received("email:on-call"))
    assert [m["subject"] for m in mail] == [f"Monitor is Down: backend ({target.url})"]


def test_an_alert_that_cannot_be_delivered_is_recorded_as_undeliverable(twin: Twin, target: Target) -> None:
    cause_outage(twin, target, twin.contact("chat", kind="telegram", enableNotificationsFor=2))
    entry = eventually(lambda: twin.recorded("deliveries"))[0]
    assert (entry["outcome"], entry["detail"]) == ("undeliverable", "the twin cannot deliver to telegram")


def test_a_failed_delivery_is_tried_again_and_its_attempts_are_recorded(twin: Twin, target: Target) -> None:
    with serving_target() as receiver:
        receiver.status = 503
        contact = twin.contact(value=f"{receiver.url}/planted-secret", enableNotificationsFor=2)
        target.status = 503
        twin.monitor(contact, url=target.url)
        eventually(lambda: receiver.requests)
        receiver.status = 200
        entry = eventually(lambda: twin.recorded("deliveries"))[0]
    assert (entry["outcome"], entry["detail"]) == ("delivered", "HTTP 200")
    assert entry["attempts"] > 1


@pytest.mark.parametrize(
    ("status", "attempts"), [(404, 1), (500, 4), (None, 4)], ids=["refused", "broken", "gone"]
)
def test_a_delivery_that_fails_for_good_is_recorded_without_its_address(
    twin: Twin, target: Target, status: int | None, attempts: int
) -> None:
    with serving_target() as receiver:
        receiver.status = status or 200
        url = f"{receiver.url}/planted-secret" if status else "http://127.0.0.1:9/planted-secret"
        target.status = 503
        twin.monitor(twin.contact(value=url), url=target.url)
        entry = eventually(lambda: twin.recorded("deliveries"))[0]
    assert (entry["outcome"], entry["attempts"]) == ("failed", attempts)
    assert entry["detail"] == (f"HTTP {status}" if status else "ConnectError")
    assert "planted-secret" not in json.dumps(twin.recorded("deliveries"))


def test_an_alert_whose_delivery_was_cut_short_is_delivered_after_the_restart(tmp_path: Path) -> None:
    twin = Twin(fresh_home(tmp_path))
    with serving_target() as receiver, serving_target() as target:
        receiver.status, target.status = 503, 503
        with running_vendors(twin.home, speed=10):
            twin.monitor(twin.contact(value=receiver.url), url=target.url)
            eventually(lambda: receiver.requests)
        assert twin.recorded("deliveries") == []
        receiver.status = 200
        with running_vendors(twin.home, speed=10):
            assert eventually(lambda: twin.recorded("deliveries"))[0]["outcome"] == "delivered"
    twin.close()


def test_the_inbox_drops_a_delivery_that_it_already_has(twin: Twin) -> None:
    for _ in range(2):
        httpx.post(f"{twin.url}/inbox/sev1", json={"n": 1}, headers={"X-Bulwark-Delivery": "77"})
    httpx.post(f"{twin.url}/inbox/sev1", json={"n": 2})
    assert twin.received("sev1") == [{"n": 1}, {"n": 2}]
