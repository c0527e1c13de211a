"""The stand-in for the bridged providers plans, drifts, imports and recovers as the real ones do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from stand_in_driver import CREDENTIALS, Engine, start_bridge

from twin.host.home import TwinHome
from twin.provider.server import PropertyChange, StandInError
from twin.provider.values import UNKNOWN, Secret, from_wire, to_wire
from twin.sentry.model import Sentry
from twin.uptimerobot.model import UptimeRobot

UPDATE, REPLACE = PropertyChange.UPDATE, PropertyChange.REPLACE
HTTP: dict[str, Any] = {"type": "HTTP", "name": "health", "url": "https://localhost/health", "interval": 60}
WEBHOOK: dict[str, Any] = {
    "name": "sev1",
    "type": "webhook",
    "value": "http://127.0.0.1:9/sev1",
    "enableNotificationsFor": 1,
    "sslExpirationReminder": True,
}
FLAGS = {"sendAsJson": True, "sendAsQueryString": False, "sendAsPostParameters": False}
ORG = {"organization": "acme"}
PARENT = {**ORG, "project": "api"}
CRON: dict[str, Any] = {
    **PARENT,
    "name": "dump",
    "checkinMarginMinutes": 30,
    "failureIssueThreshold": 1,
    "maxRuntimeMinutes": 60,
    "recoveryThreshold": 1,
    "schedule": {"crontab": "0 3 * * *"},
}
EMAIL = {"email": {"targetType": "issue_owners", "fallthroughType": "AllMembers"}}


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    home = TwinHome(tmp_path / "twin")
    home.create()
    return home


@pytest.fixture
def robot(home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine("uptimerobot", start_bridge("uptimerobot", home, monkeypatch))


@pytest.fixture
def sentry(home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine("sentry", start_bridge("sentry", home, monkeypatch))
    engine.up("team", "team", **ORG, name="Platform", slug="platform")
    engine.up("api", "project", **ORG, name="api", slug="api", teams=["platform"], platform="node-express")
    return engine


def alert(sentry: Engine, **changes: Any) -> dict[str, Any]:
    detector = sentry.bridge.invoke("sentry:index/getProjectErrorMonitor:getProjectErrorMonitor", PARENT)
    filters = [{"logicType": "any", "actions": [EMAIL]}]
    return {
        **ORG,
        "name": "new",
        "frequencyMinutes": 5,
        "monitorIds": [detector["id"]],
        "triggerConditions": [{"firstSeenEvent": {}}],
        "actionFilters": filters,
        **changes,
    }


def test_a_second_up_changes_nothing_whatever_the_order_of_sets(robot: Engine) -> None:
    hook = robot.up("hook", "integration", **WEBHOOK, **FLAGS, postValue='{"a":1}')
    contacts = [
        {"alertContactId": hook["id"], "threshold": 0, "recurrence": 0},
        {"alertContactId": robot.up("mail", "alertContact", name="m", type="email", value="a@b.c")["id"]}
        | {"threshold": 5, "recurrence": 0},
    ]
    wanted = {
        **HTTP,
        "tags": ["prod", "api"],
        "assignedAlertContacts": contacts,
        "regionData": {"regions": ["na", "eu"]},
        "config": {"sslExpirationPeriodDays": [30, 7]},
    }
    robot.up("health", "monitor", **wanted)
    turned = {
        **wanted,
        "tags": ["api", "prod"],
        "assignedAlertContacts": contacts[::-1],
        "regionData": {"regions": ["eu", "na"]},
        "config": {"sslExpirationPeriodDays": [7, 30]},
    }
    for inputs in (wanted, turned):
        assert robot.preview("health", "monitor", inputs) == {}
    assert robot.refresh("health")
    assert robot.preview("health", "monitor", turned) == {}
    assert robot.preview("health", "monitor", {**wanted, "tags": ["api"]}) == {"tags": UPDATE}


def test_an_input_that_is_left_out_gets_the_providers_default_or_the_vendors_choice(robot: Engine) -> None:
    state = robot.up("health", "monitor", **HTTP)
    assert (state["timeout"], state["authType"], state["httpMethodType"]) == (30, "HTTP_BASIC", "GET")
    assert state["followRedirections"] is False
    planned = robot.resource_type("monitor").plan({}, HTTP)
    assert planned["timeout"] is UNKNOWN
    assert planned["checkSslErrors"] is False
    assert "timeout" not in robot.preview("health", "monitor", HTTP)
    robot.up("health", "monitor", **HTTP, followRedirections=True)
    assert robot.preview("health", "monitor", HTTP) == {"followRedirections": UPDATE}


def test_a_resource_without_a_name_gets_one_that_it_keeps(robot: Engine) -> None:
    kind = robot.resource_type("monitorGroup")
    first, _ = kind.check("group", {}, {})
    assert first["name"].startswith("group-")
    assert len(first["name"]) == len("group-") + 7
    assert kind.check("group", {}, first)[0] == first
    assert kind.check("group", {}, {})[0] != first
    assert kind.check("group", {}, {"name": "chosen"})[0]["name"] == "chosen"


@pytest.mark.parametrize(
    ("kind", "before", "after", "changes"),
    [
        ("monitor", HTTP, {**HTTP, "type": "PING"}, {"type": REPLACE}),
        (
            "monitor",
            HTTP,
            {**HTTP, "url": "https://localhost/", "interval": 300},
            {"interval": UPDATE, "url": UPDATE},
        ),
        ("monitor", HTTP, {**HTTP, "groupId": UNKNOWN}, {"groupId": UPDATE}),
        ("integration", WEBHOOK | FLAGS, {**WEBHOOK, **FLAGS, "type": "slack"}, {"type": UPDATE}),
        (
            "alertContact",
            {"name": "m", "type": "email", "value": "a@b.c"},
            {"name": "n", "type": "email", "value": "b@b.c"},
            {"name": UPDATE, "value": REPLACE},
        ),
    ],
)
def test_uptimerobot_replaces_only_what_its_provider_replaces(
    robot: Engine,
    kind: str,
    before: dict[str, Any],
    after: dict[str, Any],
    changes: dict[str, PropertyChange],
) -> None:
    robot.up("it", kind, **before)
    assert robot.preview("it", kind, after) == changes


def test_sentry_replaces_detectors_that_move_and_nothing_else(sentry: Engine) -> None:
    sentry.up("dump", "cronMonitor", **CRON)
    assert sentry.preview("dump", "cronMonitor", {**CRON, "project": UNKNOWN}) == {"project": REPLACE}
    assert sentry.preview("dump", "cronMonitor", {**CRON, "organization": "other"}) == {
        "organization": REPLACE
    }
    assert sentry.preview("dump", "cronMonitor", {**CRON, "timezone": "Europe/Berlin"}) == {
        "timezone": UPDATE
    }
    sentry.up("new", "alert", **alert(sentry))
    assert sentry.preview("new", "alert", alert(sentry, organization="o")) == {"organization": REPLACE}
    moved = {**ORG, "name": "Platform", "slug": "platform", "organization": "other"}
    assert sentry.preview("team", "team", moved) == {"organization": UPDATE}
    with pytest.raises(StandInError, match="404"):
        sentry.up("team", "team", **moved)


@pytest.mark.parametrize("kind", ["slack", "discord", "googlechat", "telegram", "pushover", "pushbullet"])
def test_an_integration_without_its_own_settings_does_not_drift(robot: Engine, kind: str) -> None:
    wanted = {**WEBHOOK, "type": kind}
    robot.up("it", "integration", **wanted)
    assert robot.refresh("it")
    assert robot.preview("it", "integration", wanted) == {}


@pytest.mark.parametrize(
    ("wanted", "drift"),
    [
        (WEBHOOK, set(FLAGS)),
        (WEBHOOK | FLAGS, set[str]()),
        (WEBHOOK | FLAGS | {"postValue": '{"a": 1}'}, {"postValue"}),
        (WEBHOOK | FLAGS | {"postValue": '{"a":1}'}, set[str]()),
        (WEBHOOK | {"type": "pagerduty", "value": "k" * 32}, {"autoResolve"}),
        (
            WEBHOOK | {"type": "pagerduty", "value": "k" * 32, "autoResolve": True, "location": "eu"},
            set[str](),
        ),
        (WEBHOOK | {"type": "mattermost"}, {"customValue"}),
        (WEBHOOK | {"type": "mattermost", "customValue": ""}, set[str]()),
        (WEBHOOK | {"type": "msteams", "customValue": "x"}, {"customValue"}),
    ],
)
def test_drift_that_the_real_provider_causes_shows_on_refresh_and_not_before(
    robot: Engine, wanted: dict[str, Any], drift: set[str]
) -> None:
    robot.up("it", "integration", **wanted)
    assert robot.preview("it", "integration", wanted) == {}
    assert robot.refresh("it")
    assert robot.preview("it", "integration", wanted).keys() == drift


def test_highlight_tags_are_sent_with_the_second_up(sentry: Engine) -> None:
    wanted = {**ORG, "name": "web", "slug": "web", "teams": ["platform"], "highlightTags": ["release"]}
    sentry.up("web", "project", **wanted)
    assert sentry.preview("web", "project", wanted) == {"highlightTags": UPDATE}
    sentry.up("web", "project", **wanted)
    assert sentry.preview("web", "project", wanted) == {}


def test_drift_behind_the_engines_back_shows_on_refresh(
    robot: Engine, sentry: Engine, home: TwinHome
) -> None:
    monitor = robot.up("health", "monitor", **HTTP)["id"]
    UptimeRobot(home).update("monitor", monitor, {"interval": 300})
    assert robot.refresh("health")
    assert robot.resources["health"].inputs["interval"] == 300
    assert robot.preview("health", "monitor", HTTP) == {"interval": UPDATE}
    wanted = alert(sentry)
    identifier = sentry.up("new", "alert", **wanted)["id"]
    quiet = [{"logicType": "none", "actions": [EMAIL]}]
    Sentry(home).update(
        "alert", identifier, {"enabled": False, "actionFilters": quiet, "environment": "test"}
    )
    assert sentry.refresh("new")
    assert sentry.preview("new", "alert", wanted).keys() == {"enabled", "actionFilters", "environment"}
    sentry.up("new", "alert", **wanted)
    restored = Sentry(home).read("alert", identifier)
    assert restored
    assert restored["enabled"] is True
    assert "environment" not in restored
    assert sentry.preview("new", "alert", wanted) == {}


def test_properties_that_the_program_does_not_set_are_left_alone(robot: Engine, home: TwinHome) -> None:
    monitor = robot.up("health", "monitor", **HTTP)["id"]
    UptimeRobot(home).update("monitor", monitor, {"isPaused": True, "customFields": {"by": "hand"}})
    assert robot.refresh("health")
    assert robot.preview("health", "monitor", HTTP) == {}
    robot.up("health", "monitor", **HTTP | {"interval": 300})
    kept = UptimeRobot(home).read("monitor", monitor)
    assert kept
    assert (kept["isPaused"], kept["customFields"], kept["status"]) == (True, {"by": "hand"}, "PAUSED")


def test_a_deleted_resource_is_gone_on_refresh_or_fails_it_as_with_its_provider(
    robot: Engine, sentry: Engine, home: TwinHome
) -> None:
    UptimeRobot(home).delete("monitor", robot.up("health", "monitor", **HTTP)["id"])
    assert not robot.refresh("health")
    for name, kind, inputs in (
        ("cron", "cronMonitor", CRON),
        ("alert", "alert", alert(sentry)),
        ("key", "key", {**PARENT, "name": "k"}),
    ):
        Sentry(home).delete(kind, sentry.up(name, kind, **inputs)["id"])
        with pytest.raises(StandInError, match="404"):
            sentry.refresh(name)
        sentry.destroy(name)
    Sentry(home).delete("project", "acme/api")
    Sentry(home).delete("team", "acme/platform")
    assert not sentry.refresh("api")
    known = sentry.resources["team"]
    with pytest.raises(StandInError, match="404"):
        sentry.resource_type("team").delete(known.id, known.state)
    assert not sentry.refresh("team")


def test_importing_a_resource_that_matches_changes_nothing(
    robot: Engine, sentry: Engine, home: TwinHome
) -> None:
    hook = robot.up("hook", "integration", **WEBHOOK, **FLAGS)["id"]
    wanted = {**HTTP, "assignedAlertContacts": [{"alertContactId": hook, "threshold": 0, "recurrence": 0}]}
    monitor, _ = UptimeRobot(home).create("monitor", wanted)
    assert robot.import_resource("old", "monitor", monitor, **wanted) == {}
    assert robot.import_resource("other", "monitor", monitor, **HTTP) == {"assignedAlertContacts": UPDATE}
    assert robot.import_resource("h", "integration", hook, **WEBHOOK, **FLAGS) == {}

    project = {**ORG, "name": "api", "slug": "api", "teams": ["platform"], "platform": "node-express"}
    assert sentry.import_resource("a", "project", "acme/api", **project) == {}
    assert sentry.resources["a"].id == "api"
    assert sentry.import_resource("t", "team", "acme/platform", **ORG, name="Platform", slug="platform") == {}
    cron = sentry.up("cron", "cronMonitor", **CRON)["id"]
    assert sentry.import_resource("c", "cronMonitor", f"acme/api/{cron}", **CRON) == {}
    assert sentry.resources["c"].id == cron
    found = sentry.up("new", "alert", **alert(sentry))["id"]
    assert sentry.import_resource("n", "alert", f"acme/{found}", **alert(sentry)) == {}
    rules = {"raw": "path:* #p", "fallthrough": True, "codeownersAutoSync": True}
    rules["autoAssignment"] = "Turn off Auto-Assignment"
    sentry.up("rules", "projectOwnership", **PARENT, **rules)
    assert sentry.resources["rules"].id == "missing ID"
    assert sentry.import_resource("r", "projectOwnership", "acme/api", **PARENT, **rules) == {}


def test_not_every_type_of_integration_reveals_its_value(robot: Engine) -> None:
    robot.up("hook", "integration", **WEBHOOK, **FLAGS)
    robot.up("pd", "integration", **{**WEBHOOK, "type": "pagerduty", "value": "k" * 32, "autoResolve": True})
    for name in ("hook", "pd"):
        assert robot.refresh(name)
        assert robot.resources[name].state["value"]
    identifier = robot.resources["pd"].id
    inputs, _ = robot.resource_type("integration").read(identifier, {}, {})
    assert "value" not in inputs


def test_a_creation_that_the_engine_never_learned_of_is_not_repeated(robot: Engine, home: TwinHome) -> None:
    robot.up("health", "monitor", **HTTP)
    lost = robot.resources.pop("health")
    created = robot.up("health", "monitor", **HTTP)
    assert list(UptimeRobot(home).store.list("uptimerobot", "monitor")) == [created["id"]]
    assert created["id"] != lost.id
    robot.preview("health", "monitor", HTTP)  # now the engine has shown that it knows the id
    del robot.resources["health"]
    robot.up("health", "monitor", **HTTP)
    assert len(UptimeRobot(home).store.list("uptimerobot", "monitor")) == 2


def test_every_created_resource_is_confirmed_by_its_next_plan(sentry: Engine, home: TwinHome) -> None:
    wanted: dict[str, dict[str, Any]] = {"team": {**ORG, "name": "Platform", "slug": "platform"}}
    wanted["api"] = {**ORG, "name": "api", "slug": "api", "teams": ["platform"], "platform": "node-express"}
    wanted["dump"] = CRON
    sentry.up("dump", "cronMonitor", **CRON)
    assert len(Sentry(home).store.list("sentry", "unconfirmed")) == len(wanted)
    for name, inputs in wanted.items():
        assert sentry.preview(name, sentry.resources[name].kind, inputs) == {}
    assert Sentry(home).store.list("sentry", "unconfirmed") == {}


def test_two_resources_may_have_the_same_inputs(robot: Engine, home: TwinHome) -> None:
    robot.up("one", "monitor", **HTTP)
    robot.up("two", "monitor", **HTTP)
    assert len(UptimeRobot(home).store.list("uptimerobot", "monitor")) == 2


def test_a_wrong_credential_is_refused_when_the_vendor_is_first_called(
    home: TwinHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Engine("uptimerobot", start_bridge("uptimerobot", home, monkeypatch, apiKey="wrong"))
    assert wrong.preview("health", "monitor", HTTP) == {}
    with pytest.raises(StandInError, match="401"):
        wrong.up("health", "monitor", **HTTP)
    with pytest.raises(StandInError, match="401"):
        start_bridge("sentry", home, monkeypatch, token="wrong")


def test_a_token_that_only_reads_reads_and_changes_nothing(
    robot: Engine, home: TwinHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot.up("health", "monitor", **HTTP)
    key = home.secret("UPTIMEROBOT_API_KEY_READ_ONLY")
    reading = Engine(
        "uptimerobot", start_bridge("uptimerobot", home, monkeypatch, apiKey=key), robot.resources
    )
    assert reading.refresh("health")
    for change in (
        lambda: reading.up("other", "monitor", **HTTP),
        lambda: reading.up("health", "monitor", **{**HTTP, "interval": 600}),
        lambda: reading.destroy("health"),
    ):
        with pytest.raises(StandInError, match="403"):
            change()
    start_bridge("sentry", home, monkeypatch, token=home.secret("SENTRY_AUTH_TOKEN_READ_ONLY"))


def test_a_missing_credential_names_where_it_is_set(home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEON_API_KEY", raising=False)
    with pytest.raises(StandInError, match="apiKey, or NEON_API_KEY"):
        start_bridge("neon", home, monkeypatch, apiKey=None)
    monkeypatch.setenv("NEON_API_KEY", "from the environment")
    start_bridge("neon", home, monkeypatch, apiKey=None)


def test_a_refusal_names_vendor_resource_and_cause(robot: Engine) -> None:
    unknown = [{"alertContactId": "4711", "threshold": 0, "recurrence": 0}]
    with pytest.raises(StandInError) as refused:
        robot.up("health", "monitor", **HTTP, assignedAlertContacts=unknown)
    assert str(refused.value) == (
        "UptimeRobot refused to create the monitor 'health': Some alert contacts were not applied:"
        " the account has no 4711. (HTTP 400)"
    )


def test_data_sources_check_their_arguments_and_mark_secrets(sentry: Engine) -> None:
    key = sentry.bridge.invoke("sentry:index/getKey:getKey", {**PARENT, "name": "Default"})
    assert isinstance(key["dsn"], Secret)
    assert isinstance(key["secret"], Secret)
    assert str(key["dsnPublic"]).endswith("/" + key["projectId"])
    with pytest.raises(StandInError, match="did you mean project"):
        sentry.bridge.invoke("sentry:index/getKey:getKey", {**ORG, "projekt": "api"})
    unknown = sentry.bridge.invoke("sentry:index/getKey:getKey", {**PARENT, "name": UNKNOWN})
    assert set(unknown.values()) == {UNKNOWN}


@pytest.fixture
def plugin(home: TwinHome) -> Iterator[tuple[provider_pb2_grpc.ResourceProviderStub, float]]:
    """Start the plugin as the engine does; yield its stub and how long the start took."""
    environment = os.environ | {
        "BULWARK_TWIN": str(home.root),
        "UPTIMEROBOT_API_KEY": home.secret(CREDENTIALS["uptimerobot"]),
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "twin.bridge_plugin"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout
    port = int(process.stdout.readline())
    took = time.monotonic() - began
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel), took
    process.kill()
    process.communicate()


def test_the_plugin_speaks_the_engines_protocol(
    plugin: tuple[provider_pb2_grpc.ResourceProviderStub, float],
) -> None:
    stub, took = plugin
    assert took < 10, took  # a loaded machine; alone it is a third of a second
    value = b'{"remote":{"url":"registry.opentofu.org/uptimerobot/uptimerobot","version":"1.10.0"}}'
    request = provider_pb2.ParameterizeRequest
    answer = stub.Parameterize(request(value=request.ParametersValue(name="uptimerobot", value=value)))
    assert (answer.name, answer.version) == ("uptimerobot", "1.10.0")
    stub.Configure(provider_pb2.ConfigureRequest(args=to_wire({})))
    urn = "urn:pulumi:local::bulwark::uptimerobot:index/monitor:Monitor::health"
    checked = stub.Check(provider_pb2.CheckRequest(urn=urn, news=to_wire({**HTTP, "interval": 5})))
    assert [failure.property for failure in checked.failures] == ["interval"]
    checked = stub.Check(provider_pb2.CheckRequest(urn=urn, news=to_wire(HTTP)))
    created = stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked.inputs))
    found = stub.Read(provider_pb2.ReadRequest(urn=urn, id=created.id))
    assert from_wire(found.properties)["url"] == HTTP["url"]
    stub.Delete(provider_pb2.DeleteRequest(urn=urn, id=created.id, properties=created.properties))
    assert stub.Read(provider_pb2.ReadRequest(urn=urn, id=created.id)).id == ""
    assert stub.Cancel(empty_pb2.Empty()) == empty_pb2.Empty()


def test_a_plugin_ends_when_its_engine_is_gone(home: TwinHome) -> None:
    engine = socket.create_server(("127.0.0.1", 0))
    plugin = subprocess.Popen(
        [sys.executable, "-P", "-m", "twin.bridge_plugin", f"127.0.0.1:{engine.getsockname()[1]}"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"BULWARK_TWIN": str(home.root)},
    )
    try:
        assert plugin.stdout
        assert plugin.stdout.readline().strip().isdigit()
        engine.close()
        plugin.wait(20)
    finally:
        plugin.kill()
        plugin.communicate()
