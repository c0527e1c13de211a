"""The model of UptimeRobot: limits of the plan, references, and what is removed with what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twin.host.home import TwinHome
from twin.uptimerobot.model import UptimeRobot
from twin.vendor.errors import VendorError

HTTP: dict[str, Any] = {"type": "HTTP", "name": "health", "url": "https://localhost/health", "interval": 300}
BEAT: dict[str, Any] = {"type": "HEARTBEAT", "name": "dump", "interval": 86_400, "gracePeriod": 3_600}
HOOK: dict[str, Any] = {"type": "webhook", "name": "sev1", "value": "http://127.0.0.1:9/sev1"}


@pytest.fixture
def robot(tmp_path: Path) -> Iterator[UptimeRobot]:
    home = TwinHome(tmp_path / "twin")
    home.create()
    robot = UptimeRobot(home)
    yield robot
    robot.store.close()


def set_plan(robot: UptimeRobot, plan: str) -> None:
    robot.store.insert("uptimerobot", "account", "0", {"plan": plan})


def assigned(*identifiers: str, threshold: int = 0) -> dict[str, Any]:
    contacts = [{"alertContactId": id_, "threshold": threshold, "recurrence": 0} for id_ in identifiers]
    return {"assignedAlertContacts": contacts}


@pytest.mark.parametrize(
    ("plan", "interval", "allowed"),
    [
        ("free", 300, True),
        ("free", 299, False),
        ("team", 60, True),
        ("team", 59, False),
        ("enterprise", 30, True),
    ],
)
def test_the_plan_sets_the_shortest_interval(
    robot: UptimeRobot, plan: str, interval: int, allowed: bool
) -> None:
    set_plan(robot, plan)
    if allowed:
        robot.create("monitor", {**HTTP, "interval": interval})
    else:
        with pytest.raises(VendorError, match="interval must be at least") as refused:
            robot.create("monitor", {**HTTP, "interval": interval})
        assert refused.value.status == 400


def test_the_free_plan_has_neither_heartbeats_nor_delayed_alerts(robot: UptimeRobot) -> None:
    hook, _ = robot.create("integration", HOOK)
    robot.create("monitor", BEAT | assigned(hook, threshold=5))
    set_plan(robot, "free")
    with pytest.raises(VendorError, match="free plan"):
        robot.create("monitor", BEAT)
    with pytest.raises(VendorError, match="must be 0 on the free plan"):
        robot.create("monitor", HTTP | assigned(hook, threshold=5))
    robot.create("monitor", HTTP | assigned(hook))


def test_a_heartbeat_gets_an_address_of_its_own_that_stays(robot: UptimeRobot) -> None:
    identifier, created = robot.create("monitor", BEAT)
    port = robot.home.port("vendors")
    assert created["url"].startswith(f"http://127.0.0.1:{port}/heartbeat/")
    assert robot.update("monitor", identifier, {"interval": 3_600})["url"] == created["url"]
    assert robot.create("monitor", BEAT)[1]["url"] != created["url"]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("monitor", HTTP | assigned("4711")),
        ("monitor", {**HTTP, "maintenanceWindowIds": [4711]}),
        ("monitor", {**HTTP, "groupId": 4711}),
        ("psp", {"name": "status", "monitorIds": [4711]}),
        ("maintenanceWindow", {"name": "w", "interval": "daily", "time": "03:00:00", "monitorIds": [4711]}),
    ],
)
def test_an_uptimerobot_resource_that_names_an_unknown_one_is_refused(
    robot: UptimeRobot, kind: str, wanted: dict[str, Any]
) -> None:
    with pytest.raises(VendorError, match="4711") as refused:
        robot.create(kind, wanted)
    assert refused.value.status == 400
    assert robot.store.list("uptimerobot", kind) == {}


def test_the_same_integration_twice_is_a_conflict(robot: UptimeRobot) -> None:
    identifier, _ = robot.create("integration", HOOK)
    with pytest.raises(VendorError, match=f"{identifier}: import it") as refused:
        robot.create("integration", {**HOOK, "name": "other"})
    assert refused.value.status == 409
    other, _ = robot.create("integration", {**HOOK, "value": "http://127.0.0.1:9/sev2"})
    robot.update("integration", other, {"name": "renamed"})


def test_a_short_pagerduty_key_is_refused_at_its_creation(robot: UptimeRobot) -> None:
    with pytest.raises(VendorError, match="32 characters"):
        robot.create("integration", {"type": "pagerduty", "name": "p", "value": "short"})


def test_a_removed_object_is_taken_out_of_those_that_named_it(robot: UptimeRobot) -> None:
    hook, _ = robot.create("integration", HOOK)
    group, _ = robot.create("monitorGroup", {"name": "platform"})
    window, _ = robot.create(
        "maintenanceWindow", {"name": "w", "interval": "daily", "time": "03:00:00", "duration": 30}
    )
    monitor, _ = robot.create(
        "monitor",
        HTTP | assigned(hook) | {"groupId": int(group), "maintenanceWindowIds": [int(window)]},
    )
    page, _ = robot.create("psp", {"name": "status", "monitorIds": [int(monitor)]})
    for kind, identifier in (("integration", hook), ("monitorGroup", group), ("maintenanceWindow", window)):
        robot.delete(kind, identifier)
    left = robot.read("monitor", monitor)
    assert left
    assert (left["assignedAlertContacts"], left["groupId"], left["maintenanceWindowIds"]) == ([], 0, [])
    robot.delete("monitor", monitor)
    shown = robot.read("psp", page)
    assert shown
    assert (shown["monitorIds"], shown["monitorsCount"]) == ([], 0)
    with pytest.raises(VendorError) as gone:
        robot.delete("monitor", monitor)
    assert gone.value.status == 404


def test_pausing_a_monitor_shows_in_its_status_and_an_outage_survives_a_change(robot: UptimeRobot) -> None:
    identifier, created = robot.create("monitor", HTTP)
    assert created["status"] == "UP"
    assert robot.update("monitor", identifier, {"isPaused": True})["status"] == "PAUSED"
    assert robot.update("monitor", identifier, {"isPaused": False})["status"] == "UP"
    robot.store.replace("uptimerobot", "monitor", identifier, {**created, "status": "DOWN"})
    assert robot.update("monitor", identifier, {"name": "other"})["status"] == "DOWN"


def test_the_password_of_a_status_page_is_never_shown(robot: UptimeRobot) -> None:
    identifier, created = robot.create("psp", {"name": "status", "password": "hunter2"})
    assert "hunter2" not in str(created) + str(robot.read("psp", identifier))
    assert created["isPasswordSet"] is True


def test_an_update_clears_a_property_that_is_none_and_keeps_one_that_is_left_out(robot: UptimeRobot) -> None:
    identifier, _ = robot.create("monitor", {**HTTP, "responseTimeThreshold": 500, "httpUsername": "u"})
    changed = robot.update("monitor", identifier, {"httpUsername": None})
    assert "httpUsername" not in changed
    assert changed["responseTimeThreshold"] == 500


def test_lookups_need_exactly_one_match(robot: UptimeRobot) -> None:
    owner = robot.read_data_source("getAlertContact", {"type": "email"})
    assert robot.read_data_source("getAlertContacts", {})["ids"] == [owner["id"]]
    robot.create("monitor", HTTP | assigned(owner["id"]))
    robot.create("monitorGroup", {"name": "a"})
    robot.create("monitorGroup", {"name": "a"})
    for criteria, status in (({"name": "a"}, 409), ({"name": "b"}, 404), ({}, 400)):
        with pytest.raises(VendorError) as refused:
            robot.read_data_source("getMonitorGroup", criteria)
        assert refused.value.status == status


def test_only_the_accounts_api_key_is_accepted(robot: UptimeRobot) -> None:
    robot.authenticate(robot.home.secret("UPTIMEROBOT_API_KEY"), writes=True)
    with pytest.raises(VendorError) as refused:
        robot.authenticate("wrong", writes=False)
    assert refused.value.status == 401
