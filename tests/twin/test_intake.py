"""Sentry's intake, which a DSN addresses: events, issues, alerts, check-ins."""

import gzip
import json
import time
import zlib
from collections.abc import Generator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sentry_sdk
from sentry_sdk.crons import capture_checkin
from sentry_sdk.scope import use_scope
from vendor_process import Twin, eventually, running_twin

from twin.host.time_scale import TimeScale
from twin.vendor.store import Attributes

ORGANIZATION = {"organization": "acme"}


class Program:
    """A program whose errors go to a project of the twin."""

    def __init__(self, twin: Twin, **key: Any) -> None:
        self.twin = twin
        twin.sentry.create("team", {**ORGANIZATION, "name": "ops"})
        self.project = twin.sentry.create(
            "project", {**ORGANIZATION, "name": "api", "teams": ["ops"], "defaultKey": False}
        )[1]
        self.key = twin.sentry.create("key", {**ORGANIZATION, "project": "api", "name": "k", **key})[1]
        self.dsn: str = self.key["dsn"]["public"]
        self.client = sentry_sdk.Client(
            self.dsn,
            default_integrations=False,
            environment="production",
            release="1.2.3",
        )
        self.scope = sentry_sdk.Scope(client=self.client)

    def report(self, error: Exception, **scope: Any) -> None:
        try:
            raise error
        except type(error) as raised:
            with use_scope(self.scope):
                sentry_sdk.capture_exception(raised, **scope)
        self.client.flush(5)

    def create_alert(self, *actions: Attributes, **attributes: Any) -> str:
        lookup = {**ORGANIZATION, "project": "api"}
        monitor = self.twin.sentry.read_data_source("getProjectErrorMonitor", lookup)["id"]
        filters = [
            {"logicType": "all", "conditions": attributes.pop("conditions", []), "actions": list(actions)}
        ]
        wanted = {
            **ORGANIZATION, "name": "errors", "monitorIds": [monitor], "frequencyMinutes": 5,
            "triggerConditions": [{"firstSeenEvent": {}}], "actionFilters": filters, **attributes,
        }  # fmt: skip
        return self.twin.sentry.create("alert", wanted)[0]

    def mails(self) -> list[str]:
        return [mail["subject"] for mail in self.twin.received("email:issue_owners")]

    def recorded(self, stream: str, count: int) -> list[Attributes]:
        eventually(lambda: len(self.twin.recorded(stream)) >= count)
        return self.twin.recorded(stream)

    def events(self, count: int) -> list[Attributes]:
        return self.recorded("events", count)

    def post(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        auth = {"x-sentry-auth": f"Sentry sentry_version=7, sentry_key={self.key['public']}"}
        url = f"{self.twin.url}/api/{self.project['internalId']}/{path}/"
        return httpx.post(url, content=content, headers={**auth, **headers})


MAIL: Attributes = {"email": {"targetType": "issue_owners"}}


@pytest.fixture
def twin(tmp_path: Path) -> Generator[Twin]:
    with running_twin(tmp_path) as running:
        yield running


@pytest.fixture
def program(twin: Twin) -> Generator[Program]:
    started = Program(twin)
    yield started
    started.client.close()


def test_an_exception_reported_by_the_sdk_becomes_an_issue_and_fires_its_alert(program: Program) -> None:
    program.create_alert(MAIL)
    program.report(ValueError("order 17 is odd"))
    assert eventually(program.mails) == ["[api] New issue: ValueError: order 17 is odd"]
    event = program.events(1)[0]
    assert (event["level"], event["environment"], event["release"]) == ("error", "production", "1.2.3")
    issue = program.twin.store.get("sentry", "issue", event["issue"])
    assert issue
    assert (issue["status"], issue["count"], issue["type"]) == ("unresolved", 1, "error")


def test_events_that_differ_only_in_numbers_are_one_issue(program: Program) -> None:
    program.create_alert(MAIL)
    for number in (17, 18):
        program.report(ValueError(f"order {number} is odd"))
    program.report(KeyError("order"))
    first, second, third = program.events(3)
    assert first["issue"] == second["issue"] != third["issue"]
    assert [event["state"] for event in (first, second, third)] == ["firstSeenEvent", "", "firstSeenEvent"]
    assert len(eventually(lambda: program.mails()[1:])) == 1


def test_an_explicit_fingerprint_decides_the_issue(program: Program) -> None:
    for error in (ValueError("a"), KeyError("b")):
        program.report(error, fingerprint=["payments"])
    program.report(KeyError("b"), fingerprint=["payments", "{{ default }}"])
    issues = [event["issue"] for event in program.events(3)]
    assert issues[0] == issues[1] != issues[2]


def test_an_issue_that_was_resolved_and_comes_back_is_a_regression(program: Program) -> None:
    program.create_alert(MAIL, triggerConditions=[{"regressionEvent": {}}, {"issueResolvedTrigger": {}}])
    program.report(ValueError("x"))
    program.events(1)
    # An hour is a minute at this speed; the project resolves issues that were quiet for less than a second.
    program.twin.sentry.update("project", "acme/api", {"resolveAge": 0.01})
    assert eventually(program.mails) == ["[api] Resolved: ValueError: x"]
    program.twin.sentry.update("project", "acme/api", {"resolveAge": 0})
    eventually(lambda: _muted_no_longer(program))
    program.report(ValueError("x"))
    assert eventually(lambda: program.mails()[1:]) == ["[api] Regressed: ValueError: x"]


def _muted_no_longer(program: Program) -> bool:
    issue = next(iter(program.twin.store.list("sentry", "issue").values()))
    return time.time() > max(issue["firedAt"].values()) + TimeScale(60).scale_minutes(5)


def test_an_alert_is_silent_about_an_issue_for_its_frequency(program: Program) -> None:
    program.create_alert(MAIL, triggerConditions=[], frequencyMinutes=3)
    for _ in range(3):
        program.report(ValueError("x"))
    program.events(3)
    assert len(eventually(program.mails)) == 1
    time.sleep(3.2)
    program.report(ValueError("x"))
    assert len(eventually(lambda: program.mails()[1:])) == 1


def test_a_frequency_condition_fires_above_its_value(program: Program) -> None:
    frequent = {"eventFrequencyCount": {"value": 2, "interval": "15m"}}
    program.create_alert(MAIL, triggerConditions=[], conditions=[frequent])
    for _ in range(2):
        program.report(ValueError("x"))
    program.events(2)
    assert program.twin.recorded("deliveries") == []
    program.report(ValueError("x"))
    assert eventually(program.mails) == ["[api] Seen again: ValueError: x"]


def test_the_actions_of_an_alert_reach_their_channels(program: Program) -> None:
    service, _ = program.twin.sentry.create(
        "integrationPagerduty",
        {**ORGANIZATION, "integrationId": "502", "service": "backend", "integrationKey": "planted-key"},
    )
    team = program.twin.sentry.read("team", "acme/ops")
    assert team
    program.create_alert(
        {"slack": {"integrationId": "501", "channelName": "#sev1"}},
        {
            "pagerduty": {
                "integrationId": "502", "serviceId": service, "serviceName": "backend", "severity": "default",
            }
        },
        {"email": {"targetType": "team", "targetId": team["internalId"]}},
        {"jira": {"integrationId": "9", "project": "P", "issueType": "1"}},
    )  # fmt: skip
    program.report(ValueError("x"))
    deliveries = program.recorded("deliveries", 4)
    outcomes = {entry["kind"]: (entry["contact"], entry["outcome"]) for entry in deliveries}
    assert outcomes["jira"] == ("jira", "undeliverable")
    assert outcomes["email"] == ("team:ops", "delivered")
    assert program.twin.received("slack:%23sev1")[0]["text"].startswith("New issue: ValueError: x")
    assert program.twin.received("pagerduty:backend")[0]["payload"]["severity"] == "error"
    assert "planted-key" not in json.dumps(program.twin.recorded("received"))


@pytest.mark.matrix(sample=4)
@pytest.mark.parametrize(
    ("conditions", "fires"),
    [
        ([{"level": {"level": 40, "match": "gte"}}], True),
        ([{"level": {"level": 50, "match": "gte"}}], False),
        ([{"taggedEvent": {"key": "tenant", "match": "eq", "value": "ACME"}}], True),
        ([{"taggedEvent": {"key": "tenant", "match": "nc", "value": "acme"}}], False),
        ([{"taggedEvent": {"key": "absent", "match": "ns"}}], True),
        ([{"issuePriorityGreaterOrEqual": {"comparison": 75}}], True),
        ([{"eventAttribute": {"attribute": "exception.type", "match": "sw", "value": "Value"}}], True),
        ([{"issueOccurrences": {"value": 2}}], False),
        ([{"ageComparison": {"comparisonType": "older", "value": 1, "time": "hour"}}], False),
        ([{"eventUniqueUserFrequencyCount": {"value": 0, "interval": "1h"}}], True),
        ([{"issueCategory": {"value": 1}}, {"issueType": {"value": "error", "include": True}}], True),
    ],
    ids=lambda value: next(iter(value[0])) if isinstance(value, list) else str(value),
)
def test_the_conditions_of_an_alert_decide_whether_it_fires(
    program: Program, conditions: list[Attributes], fires: bool
) -> None:
    program.create_alert({"webhook": {"service": "control"}}, name="control")
    program.create_alert(MAIL, conditions=conditions)
    program.report(ValueError("x"), tags={"tenant": "acme"}, user={"id": "7"})
    eventually(lambda: program.twin.received("webhook:control"))
    assert bool(eventually(program.mails) if fires else program.mails()) is fires


def test_a_condition_that_the_twin_cannot_evaluate_does_not_fire_and_says_so(program: Program) -> None:
    program.create_alert(MAIL, conditions=[{"latestRelease": {}}])
    program.report(ValueError("x"))
    entry = eventually(lambda: program.twin.recorded("deliveries"))[0]
    assert (entry["outcome"], entry["detail"]) == (
        "undeliverable",
        "not fired: the twin cannot evaluate latestRelease",
    )
    assert program.mails() == []


def test_an_alert_fires_only_for_its_environment_and_only_while_enabled(program: Program) -> None:
    program.create_alert({"webhook": {"service": "control"}}, name="control", environment="production")
    program.create_alert(MAIL, environment="staging")
    program.create_alert(MAIL, name="off", enabled=False)
    program.report(ValueError("x"))
    eventually(lambda: program.twin.received("webhook:control"))
    assert program.mails() == []


def test_a_wrong_key_or_project_of_a_dsn_is_refused(program: Program) -> None:
    envelope = b'{}\n{"type":"event"}\n{"message":"x"}'
    other = program.post("envelope", envelope, **{"x-sentry-auth": "Sentry sentry_key=0123"})
    assert (other.status_code, other.json()["detail"]) == (
        403,
        "event submission rejected with_reason: ProjectId",
    )
    assert httpx.post(f"{program.twin.url}/api/1/envelope/", content=envelope).status_code == 403
    program.twin.sentry.delete("key", program.key["public"])
    assert program.post("envelope", envelope).status_code == 403
    assert program.twin.recorded("events") == []


def test_the_key_of_a_dsn_may_come_in_the_query_or_in_the_envelope(program: Program) -> None:
    url = f"{program.twin.url}/api/{program.project['internalId']}"
    item = b'{"type":"event"}\n{"message":"x"}'
    in_query = httpx.post(f"{url}/envelope/?sentry_key={program.key['public']}", content=b"{}\n" + item)
    header = json.dumps({"dsn": program.dsn}).encode()
    in_envelope = httpx.post(f"{url}/envelope/", content=header + b"\n" + item)
    assert (in_query.status_code, in_envelope.status_code) == (200, 200)
    assert len(program.twin.recorded("events")) == 2


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_envelopes_are_read(program: Program, encoding: str, encode: Any) -> None:
    payload = json.dumps({"message": "line\nbreak", "event_id": "a" * 32}).encode()
    header = json.dumps({"type": "event", "length": len(payload)}).encode()
    attachment = b'\n{"type":"attachment","length":3}\n\n\n\n\n'
    body = encode(b"{}\n" + header + b"\n" + payload + attachment)
    answer = program.post("envelope", body, **{"content-encoding": encoding})
    assert (answer.status_code, answer.json()) == (200, {"id": "a" * 32})
    assert program.twin.recorded("events")[0]["title"] == "line"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no json", "", 400),
        (b'{}\n{"type":"event","length":99}\n{}', "", 400),
        (b'{}\n{"type":"event"}\n[1]', "", 400),
        (b"not gzip", "gzip", 400),
        (b"{}", "br", 415),
        (gzip.compress(b"\0" * (101 * 1024 * 1024), 1), "gzip", 413),
    ],
)
def test_a_broken_envelope_is_refused(program: Program, body: bytes, encoding: str, status: int) -> None:
    answer = program.post("envelope", body, **({"content-encoding": encoding} if encoding else {}))
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_the_store_endpoint_takes_a_single_event(program: Program) -> None:
    message = {"logentry": {"message": "job %s failed", "formatted": "job 7 failed"}, "level": "warning"}
    assert program.post("store", json.dumps(message).encode()).status_code == 200
    event = program.events(1)[0]
    assert (event["title"], event["level"]) == ("job 7 failed", "warning")


def test_a_key_refuses_what_exceeds_its_rate_limit(twin: Twin) -> None:
    program = Program(twin, rateLimitCount=2, rateLimitWindow=600)
    answers = [program.post("envelope", b'{}\n{"type":"event"}\n{"message":"x"}') for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    wait = answers[2].headers["retry-after"]
    assert 5 <= int(wait) <= 10, "600 s are 10 at this speed"
    assert answers[2].headers["x-sentry-rate-limits"] == f"{wait}:error:key:key_quota"
    program.report(ValueError("dropped"))
    assert len(twin.recorded("events")) == 2
    program.client.close()


def create_cron_monitor(program: Program, **attributes: Any) -> str:
    wanted = {
        **ORGANIZATION, "project": "api", "name": "Nightly dump", "checkinMarginMinutes": 1,
        "maxRuntimeMinutes": 2, "failureIssueThreshold": 1, "recoveryThreshold": 1,
        "schedule": {"intervalValue": 1, "intervalUnit": "minute"}, **attributes,
    }  # fmt: skip
    monitor = program.twin.sentry.create("cronMonitor", wanted)[0]
    program.create_alert(
        MAIL, monitorIds=[monitor],
        triggerConditions=[{"firstSeenEvent": {}}, {"regressionEvent": {}}, {"issueResolvedTrigger": {}}],
        frequencyMinutes=0,
    )  # fmt: skip
    return monitor


def check_in(program: Program, status: str, slug: str = "nightly-dump") -> httpx.Response:
    address = program.key["dsn"]["crons"].replace("___MONITOR_SLUG___", slug)
    return httpx.get(f"{address}?status={status}")


def test_a_missed_check_in_opens_an_issue_and_the_next_one_resolves_it(program: Program) -> None:
    create_cron_monitor(program)
    assert check_in(program, "ok").status_code == 202
    assert eventually(program.mails) == ["[api] New issue: Cron failure: Nightly dump"]
    assert check_in(program, "ok").status_code == 202
    assert eventually(lambda: program.mails()[1:])[0] == "[api] Resolved: Cron failure: Nightly dump"
    statuses = [
        status for status, _ in groupby(entry["status"] for entry in program.twin.recorded("checkins"))
    ]
    assert statuses[:3] == ["ok", "missed", "ok"], "it may stay out more than once"


def test_a_job_that_runs_too_long_opens_an_issue(program: Program) -> None:
    create_cron_monitor(program, schedule={"crontab": "0 3 1 1 *"}, timezone="Europe/Berlin")
    assert check_in(program, "in_progress").status_code == 202
    mail = eventually(lambda: program.twin.received("email:issue_owners"))[0]
    assert "timeout check-in" in mail["text"]


def test_a_job_that_fails_opens_an_issue_at_the_threshold(program: Program) -> None:
    create_cron_monitor(program, schedule={"crontab": "0 3 1 1 *"}, failureIssueThreshold=2)
    check_in(program, "error")
    assert program.twin.store.list("sentry", "issue") == {}
    check_in(program, "error")
    assert eventually(program.mails) == ["[api] New issue: Cron failure: Nightly dump"]


def test_check_ins_of_the_sdk_are_recorded(program: Program) -> None:
    create_cron_monitor(program, schedule={"crontab": "0 3 1 1 *"})
    with use_scope(program.scope):
        running = capture_checkin("nightly-dump", status="in_progress")
        capture_checkin("nightly-dump", check_in_id=running, status="ok", duration=1)
        program.client.flush(5)
    taken = program.recorded("checkins", 2)
    assert [entry["status"] for entry in taken] == ["in_progress", "ok"]
    assert {entry["checkInId"] for entry in taken} == {running}


def test_a_cron_monitor_that_never_checked_in_misses_no_check_in(program: Program) -> None:
    monitor = create_cron_monitor(program)
    time.sleep(2.5)
    assert program.twin.recorded("checkins") == []
    assert program.twin.store.get("sentry", "cronMonitor", monitor)


def test_a_check_in_for_a_monitor_that_is_not_declared_is_refused(program: Program) -> None:
    create_cron_monitor(program)
    assert check_in(program, "ok", slug="elsewhere").status_code == 404
    assert check_in(program, "fine").status_code == 400
    assert urlsplit(program.dsn).hostname == "127.0.0.1"


def test_a_deleted_project_takes_its_issues_along(program: Program) -> None:
    program.report(ValueError("x"))
    program.events(1)
    program.twin.sentry.delete("project", "acme/api")
    eventually(lambda: program.twin.store.list("sentry", "issue") == {})
