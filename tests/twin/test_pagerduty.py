"""PagerDuty on the twin: what is refused, what a program sees, and who is called when."""

import json
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from stand_in_driver import Engine, start_bridge
from vendor_process import Twin, eventually, running_twin

from twin.host.home import TwinHome
from twin.pagerduty.duty import find_on_call
from twin.pagerduty.model import PagerDutyAccount
from twin.pagerduty.provider import PAGERDUTY
from twin.pagerduty.sdk_schema import build
from twin.provider.schema import load_package
from twin.provider.server import StandInError
from twin.provider.validation import convert_inputs
from twin.vendor.errors import VendorError

SCHEMA = Path(__file__).parents[2] / "schemas/pagerduty.json"
PAST = "2026-01-05T08:00:00Z"
PEOPLE = ("first@example.com", "second@example.com", "lead@example.com")
DAY = 24 * 60 * 60
EVENT = {"summary": "backend is down", "source": "https://api.example.com", "severity": "critical"}


def layer(*users: str, **changed: Any) -> dict[str, Any]:
    return {
        "start": PAST,
        "rotationVirtualStart": PAST,
        "rotationTurnLengthSeconds": 7 * DAY,
        "users": list(users),
        **changed,
    }


def rule(minutes: int, *targets: str, kind: str = "user") -> dict[str, Any]:
    found = [{"id": target, "type": f"{kind}_reference"} for target in targets]
    return {"escalationDelayInMinutes": minutes, "targets": found}


def daily(start: str, seconds: int) -> dict[str, Any]:
    return {"type": "daily_restriction", "startTimeOfDay": start, "durationSeconds": seconds}


def weekly(day: int, start: str, seconds: int) -> dict[str, Any]:
    return {**daily(start, seconds), "type": "weekly_restriction", "startDayOfWeek": day}


def test_the_schema_is_that_of_the_installed_package() -> None:
    assert json.loads(SCHEMA.read_text()) == build()


SCHEDULE: dict[str, Any] = {"name": "primary", "timeZone": "Etc/UTC", "layers": [layer("P1")]}
BASES: dict[str, dict[str, Any]] = {
    "schedule": SCHEDULE,
    "escalationPolicy": {"name": "urgent", "rules": [rule(5, "P1")]},
    "service": {"name": "backend", "escalationPolicy": "P1"},
    "serviceIntegration": {"name": "probes", "service": "P1", "type": "events_api_v2_inbound_integration"},
}


def restricted(restriction: dict[str, Any]) -> dict[str, Any]:
    return {"layers": [layer("P1", restrictions=[restriction])]}


@pytest.mark.parametrize(
    ("kind", "changed", "refused"),
    [
        *((kind, {}, None) for kind in BASES),
        ("escalationPolicy", {"rules": []}, "rules"),
        ("escalationPolicy", {"rules": [rule(0, "P1")]}, "rules[0].escalationDelayInMinutes"),
        ("escalationPolicy", {"rules": [rule(1, "P1", kind="team")]}, "rules[0].targets[0].type"),
        ("escalationPolicy", {"numLoops": 10}, "numLoops"),
        ("escalationPolicy", {"name": "urgent "}, "name"),
        ("escalationPolicy", {"name": "a & b"}, "name"),
        ("schedule", {"layers": []}, "layers"),
        ("schedule", {"layers": [layer()]}, "layers[0].users"),
        (
            "schedule",
            {"layers": [layer("P1", rotationTurnLengthSeconds=60)]},
            "layers[0].rotationTurnLengthSeconds",
        ),
        ("schedule", {"layers": [layer("P1", start="2026-01-05")]}, "layers[0].start"),
        ("schedule", restricted(daily("8:00", 60)), "layers[0].restrictions[0].startTimeOfDay"),
        ("schedule", restricted(daily("08:00:00", DAY)), "layers[0].restrictions[0]"),
        (
            "schedule",
            restricted({**daily("08:00:00", 60), "type": "weekly_restriction"}),
            "layers[0].restrictions[0]",
        ),
        ("schedule", restricted(weekly(8, "08:00:00", 60)), "layers[0].restrictions[0].startDayOfWeek"),
        ("schedule", restricted(weekly(7, "08:00:00", 60)), None),
        (
            "service",
            {"incidentUrgencyRule": {"type": "constant", "urgency": "loud"}},
            "incidentUrgencyRule.urgency",
        ),
        ("service", {"incidentUrgencyRule": {"type": "use_support_hours"}}, "supportHours"),
        ("serviceIntegration", {"vendor": "P9"}, "vendor"),
        ("serviceIntegration", {"type": "carrier_pigeon"}, "type"),
    ],
)
def test_a_preview_refuses_what_the_provider_refuses(
    kind: str, changed: dict[str, Any], refused: str | None
) -> None:
    schema = load_package("pagerduty").resources[f"pagerduty:index/{kind}:{kind[0].upper()}{kind[1:]}"]
    inputs, refusals = convert_inputs({**BASES[kind], **changed}, schema.inputs)
    found = refusals or [one for rule in PAGERDUTY.resources[kind].rules for one in rule(inputs)]
    assert [one.property for one in found] == ([refused] if refused else [])


class Account:
    """An account with three people, driven as the engine drives its provider."""

    def __init__(self, home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model = PagerDutyAccount(home)
        for person in PEOPLE:
            self.model.invite(person)
        self.bridge = start_bridge("pagerduty", home, monkeypatch)
        self.engine = Engine("pagerduty", self.bridge)
        self.first, self.second, self.lead = (
            self.bridge.invoke("pagerduty:index/getUser:getUser", {"email": person})["id"]
            for person in PEOPLE
        )

    def up(self, *rules: dict[str, Any], **service: Any) -> str:
        """Declare a policy of these rules and a service with an integration; return the key of that."""
        declare = self.engine.up
        policy = declare("urgent", "escalationPolicy", name="urgent", rules=list(rules), numLoops=1)
        made = declare("backend", "service", name="backend", escalationPolicy=policy["id"], **service)
        integration = {"type": "events_api_v2_inbound_integration", "service": made["id"]}
        return declare("probes", "serviceIntegration", name="probes", **integration)["integrationKey"]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Account]:
    home = TwinHome(tmp_path / "twin")
    home.create()
    made = Account(home, monkeypatch)
    yield made
    made.model.store.close()


def test_what_was_declared_shows_no_difference_and_can_be_taken_over(account: Account) -> None:
    engine = account.engine
    rota = {**SCHEDULE, "layers": [layer(account.first, account.second), layer(account.lead, name="late")]}
    schedule = engine.up("rota", "schedule", **rota)["id"]
    rules = [rule(5, schedule, kind="schedule"), rule(10, account.lead)]
    key = account.up(*rules)
    assert len(key) == 32
    for name in list(engine.resources):
        assert engine.refresh(name)
    policy, service = engine.resources["urgent"].id, engine.resources["backend"].id
    probes = engine.resources["probes"].id
    wanted: dict[str, tuple[str, str, dict[str, Any]]] = {
        "rota": ("schedule", schedule, rota),
        "urgent": ("escalationPolicy", policy, {"name": "urgent", "rules": rules, "numLoops": 1}),
        "backend": ("service", service, {"name": "backend", "escalationPolicy": policy}),
        "probes": (
            "serviceIntegration",
            f"{service}.{probes}",
            {"name": "probes", "service": service, "type": "events_api_v2_inbound_integration"},
        ),
    }
    for name, (kind, identifier, inputs) in wanted.items():
        assert engine.preview(name, kind, inputs) == {}
        assert engine.import_resource(name, kind, identifier, **inputs) == {}
    # A start that is past is the same as any other; another rotation is not.
    moved = [{**one, "start": "2026-02-01T00:00:00Z"} for one in rota["layers"]]
    assert engine.preview("rota", "schedule", {**rota, "layers": moved}) == {}
    turned = [{**one, "rotationTurnLengthSeconds": DAY} for one in rota["layers"]]
    assert set(engine.preview("rota", "schedule", {**rota, "layers": turned})) == {"layers"}


def test_a_layer_can_only_be_ended_and_is_then_seen_no_more(account: Account) -> None:
    two = {**SCHEDULE, "layers": [layer(account.first), layer(account.second)]}
    schedule = account.engine.up("rota", "schedule", **two)["id"]
    account.engine.up("rota", "schedule", **{**SCHEDULE, "layers": [layer(account.first)]})
    assert len(account.model.read("schedule", schedule)["layers"]) == 1  # pyrefly: ignore[unsupported-operation] - it exists
    stored = account.model.store.get("pagerduty", "schedule", schedule)
    assert stored
    assert [bool(one.get("end")) for one in stored["layers"]] == [False, True]


def test_what_is_in_use_is_not_deleted(account: Account) -> None:
    schedule = account.engine.up("rota", "schedule", **{**SCHEDULE, "layers": [layer(account.first)]})["id"]
    account.up(rule(5, schedule, kind="schedule"), rule(5, account.lead))
    for name, user in (("rota", "urgent"), ("urgent", "backend")):
        with pytest.raises(StandInError, match=rf"{user} uses it. \(HTTP 400\)"):
            account.bridge.resource_type(_token(account, name)).delete(account.engine.resources[name].id, {})
    for name in ("probes", "backend", "urgent", "rota"):
        account.engine.destroy(name)


def _token(account: Account, name: str) -> str:
    kind = account.engine.resources[name].kind
    return f"pagerduty:index/{kind}:{kind[0].upper()}{kind[1:]}"


def test_a_rule_without_a_target_and_an_unknown_target_are_refused(account: Account) -> None:
    for rules, said in (([rule(5)], "must have at least one target"), ([rule(5, "PX")], "has no user PX")):
        with pytest.raises(StandInError, match=rf"{said}.*\(HTTP 400\)"):
            account.engine.up("urgent", "escalationPolicy", name="urgent", rules=rules)


def test_a_person_who_left_is_called_no_more_and_found_no_more(account: Account) -> None:
    account.up(rule(5, account.first, account.second))
    account.model.delete("user", account.first)
    policy = account.model.read("escalationPolicy", account.engine.resources["urgent"].id)
    assert policy
    assert [one["id"] for one in policy["rules"][0]["targets"]] == [account.second]
    with pytest.raises(VendorError, match="the escalation policy urgent uses it"):
        account.model.delete("user", account.second)
    with pytest.raises(StandInError, match=r"any user with the email: first@example\.com"):
        account.bridge.invoke("pagerduty:index/getUser:getUser", {"email": PEOPLE[0]})
    account.model.invite(PEOPLE[0])  # as the next `up` does
    assert PEOPLE[0] not in {user["email"] for user in account.model.list_objects("user").values()}


@pytest.mark.parametrize(
    ("layers", "zone", "at", "expected"),
    [
        ([layer("A", "B")], "Etc/UTC", "2026-01-06T00:00", "A"),
        ([layer("A", "B")], "Etc/UTC", "2026-01-12T07:59", "A"),
        ([layer("A", "B")], "Etc/UTC", "2026-01-12T08:00", "B"),
        ([layer("A", "B")], "Etc/UTC", "2026-01-19T08:00", "A"),
        # 08:00 UTC was 09:00 in Berlin; in summer 09:00 there is 07:00 UTC.
        ([layer("A", "B")], "Europe/Berlin", "2026-06-29T07:00", "B"),
        ([layer("A", "B")], "Europe/Berlin", "2026-06-29T06:59", "A"),
        ([layer("A"), layer("B")], "Etc/UTC", "2026-01-06T00:00", "B"),
        (
            [layer("A"), layer("B", restrictions=[daily("22:00:00", 8 * 3600)])],
            "Etc/UTC",
            "2026-01-06T05:59",
            "B",
        ),
        (
            [layer("A"), layer("B", restrictions=[daily("22:00:00", 8 * 3600)])],
            "Etc/UTC",
            "2026-01-06T06:00",
            "A",
        ),
        ([layer("A", restrictions=[weekly(6, "00:00:00", 2 * DAY)])], "Etc/UTC", "2026-01-11T23:59", "A"),
        ([layer("A", restrictions=[weekly(6, "00:00:00", 2 * DAY)])], "Etc/UTC", "2026-01-12T08:00", None),
        ([layer("A", start="2026-03-01T00:00:00Z")], "Etc/UTC", "2026-02-01T00:00", None),
        ([layer("A", end="2026-02-01T00:00:00Z")], "Etc/UTC", "2026-02-01T00:00", None),
    ],
)
def test_a_schedule_says_who_is_on_call(
    layers: list[dict[str, Any]], zone: str, at: str, expected: str | None
) -> None:
    schedule = {"timeZone": zone, "layers": layers}
    assert find_on_call(schedule, datetime.fromisoformat(at).replace(tzinfo=UTC)) == expected


class Pager:
    """The running vendors' process, its account, and an API client with the account's token."""

    def __init__(self, twin: Twin, account: Account) -> None:
        self.twin = twin
        self.account = account
        self.headers = {"Authorization": f"Token token={twin.home.secret('PAGERDUTY_TOKEN')}"}
        self.url = f"{twin.url}/pagerduty"

    def send(self, key: str, action: str = "trigger", dedup_key: str = "a", **changed: Any) -> httpx.Response:
        event = {"routing_key": key, "event_action": action, "dedup_key": dedup_key, "payload": EVENT}
        return httpx.post(f"{self.url}/v2/enqueue", json={**event, **changed})

    def calls(self) -> list[tuple[str, str]]:
        """Return who was called, and why, in order."""
        deliveries = self.twin.recorded("deliveries")
        return [
            (one["contact"].partition("@")[0], one["event"]) for one in deliveries if one["kind"] == "call"
        ]

    def await_calls(self, *calls: tuple[str, str]) -> None:
        eventually(lambda: len(self.calls()) >= len(calls))
        assert sorted(self.calls()) == sorted(calls)  # those of one level go out side by side

    def incidents(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.url}/incidents", headers=self.headers).raise_for_status().json()["incidents"]


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Pager]:
    with running_twin(tmp_path, speed=600.0) as twin:  # ten minutes a second
        account = Account(twin.home, monkeypatch)
        yield Pager(twin, account)
        account.model.store.close()


def test_an_unacknowledged_incident_goes_from_person_to_person_and_once_round_again(pager: Pager) -> None:
    account = pager.account
    key = account.up(rule(5, account.first), rule(5, account.second, account.lead))
    answer = pager.send(key)
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "a")
    assert pager.send(key).status_code == 202  # the same trouble: nobody is called for it again
    pager.await_calls(
        ("first", "Called"),
        ("second", "Escalated"),
        ("lead", "Escalated"),
        ("first", "Escalated"),
        ("second", "Escalated"),
        ("lead", "Escalated"),
    )
    received = pager.twin.received("pagerduty:second@example.com")
    assert [(one["level"], one["round"], one["summary"]) for one in received] == [
        (2, 1, "backend is down"),
        (2, 2, "backend is down"),
    ]
    assert key not in json.dumps(pager.twin.recorded("deliveries") + received)
    assert [one["status"] for one in pager.incidents()] == ["triggered"]
    pager.send(key, "resolve")
    assert [one["status"] for one in pager.incidents()] == ["resolved"]
    pager.send(key)
    assert len(pager.incidents()) == 2


def test_whoever_acknowledges_is_called_again_when_the_timeout_ends(pager: Pager) -> None:
    account = pager.account
    key = account.up(rule(60, account.first), rule(60, account.second), acknowledgementTimeout="600")
    pager.send(key)
    number = pager.incidents()[0]["id"]
    body = {"incident": {"type": "incident", "status": "acknowledged"}}
    httpx.put(f"{pager.url}/incidents/{number}", headers=pager.headers, json=body).raise_for_status()
    pager.await_calls(("first", "Called"), ("first", "Called again"))


def test_an_incident_ends_by_itself_unless_its_service_says_never(pager: Pager) -> None:
    account = pager.account
    key = account.up(rule(1, account.first), autoResolveTimeout="60")
    pager.send(key)
    eventually(lambda: [one["status"] for one in pager.incidents()] == ["resolved"])


@pytest.mark.parametrize(
    ("urgency", "severity", "called"),
    [("low", "critical", 1), ("severity_based", "info", 1), ("severity_based", "critical", 2)],
)
def test_what_is_not_urgent_is_never_escalated(
    pager: Pager, urgency: str, severity: str, called: int
) -> None:
    account = pager.account
    rules = [rule(1, account.first), rule(9, account.second)]
    key = account.up(
        *rules, incidentUrgencyRule={"type": "constant", "urgency": urgency}, autoResolveTimeout="240"
    )
    pager.send(key, payload={**EVENT, "severity": severity})
    eventually(lambda: [one["status"] for one in pager.incidents()] == ["resolved"])
    assert len(pager.calls()) == called


def test_a_level_with_nobody_is_skipped_and_without_anybody_the_event_is_dropped(pager: Pager) -> None:
    account = pager.account
    never = {**SCHEDULE, "layers": [layer(account.first, start="2999-01-01T00:00:00Z")]}
    empty = account.engine.up("rota", "schedule", **never)["id"]
    key = account.up(rule(1, empty, kind="schedule"), rule(9, account.lead))
    pager.send(key)
    pager.await_calls(("lead", "Called"))
    key = account.up(rule(1, empty, kind="schedule"))
    assert pager.send(key, dedup_key="b").status_code == 202
    pager.await_calls(("lead", "Called"), ("nobody", "Dropped"))
    assert len(pager.incidents()) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"routing_key": "short"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"event_action": "shout"}, "'event_action' must be one of trigger, acknowledge, resolve"),
        ({"dedup_key": "x" * 256}, "'dedup_key' must be a text of at most 255 characters"),
        ({"payload": None}, "'payload' is missing or blank"),
        ({"payload": {**EVENT, "source": ""}}, "'payload.source' is missing or blank"),
        ({"payload": {**EVENT, "summary": "x" * 1025}}, "'payload.summary' is longer than 1024 characters"),
        ({"payload": {**EVENT, "severity": "bad"}}, "'payload.severity' is invalid"),
    ],
)
def test_an_invalid_event_is_refused(changed: dict[str, Any], said: str, events: httpx.Client) -> None:
    event = {"routing_key": "0" * 32, "event_action": "trigger", "dedup_key": "a", "payload": EVENT}
    answer = events.post("/pagerduty/v2/enqueue", json={**event, **changed})
    assert answer.status_code == 400
    assert answer.json()["status"] == "invalid event"
    assert answer.json()["errors"][0].startswith(said)
    # A well-formed key that nobody has is accepted, and nobody hears of it.
    assert events.post("/pagerduty/v2/enqueue", json=event).status_code == 202


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with running_twin(tmp_path_factory.mktemp("events")) as twin, httpx.Client(base_url=twin.url) as client:
        yield client


def test_the_rest_api_speaks_as_the_vendor_does(pager: Pager) -> None:
    account, headers = pager.account, pager.headers
    layers = [layer(account.first), layer(account.second)]
    schedule = account.engine.up("rota", "schedule", **{**SCHEDULE, "layers": layers})["id"]
    key = account.up(rule(5, schedule, kind="schedule"))
    service = account.engine.resources["backend"].id

    def get(path: str) -> Any:
        return httpx.get(f"{pager.url}{path}", headers=headers).raise_for_status().json()

    shown = get(f"/schedules/{schedule}")["schedule"]
    users = [one["users"][0]["user"]["id"] for one in shown["schedule_layers"]]
    assert users == [account.second, account.first]
    assert shown["final_schedule"]["rendered_coverage_percentage"] == 0.0
    probes = account.engine.resources["probes"].id
    integration = get(f"/services/{service}/integrations/{probes}")["integration"]
    assert (integration["integration_key"], integration["vendor"]) == (key, None)
    assert get(f"/services/{service}")["service"]["escalation_policy"]["id"]
    assert [one["email"] for one in get("/users?query=LEAD")["users"]] == ["lead@example.com"]
    assert get("/users?limit=2")["more"] is True
    policies = f"{pager.url}/escalation_policies"
    wanted = {"name": "x", "escalation_rules": [{"escalation_delay_in_minutes": 5}]}
    refused = httpx.post(policies, headers=headers, json={"escalation_policy": wanted})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 2001)
    assert httpx.get(policies).status_code == 401
    in_use = httpx.delete(f"{pager.url}/schedules/{schedule}", headers=headers)
    assert (in_use.status_code, in_use.json()["error"]["code"]) == (400, 2001)


def test_an_outage_calls_whoever_is_on_call_through_the_key_of_the_monitors_contact(pager: Pager) -> None:
    account, twin = pager.account, pager.twin
    key = account.up(rule(60, account.first))
    contact = twin.contact("oncall", kind="pagerduty", value=key, location="us", autoResolve=True)
    # Nothing listens at port 9.
    monitor = twin.monitor(contact, url="http://127.0.0.1:9/", timeout=1)
    pager.await_calls(("first", "Called"))
    assert [one["incident_key"] for one in pager.incidents()] == [f"uptimerobot-{monitor}-down"]
