"""UptimeRobot's HTTP API on the twin: what is sent comes back, or the provider would wait for it in vain."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from vendor_process import Twin, running_twin

pytestmark = pytest.mark.shares("uptimerobot-api")

BASIC: dict[str, Any] = {"type": "HTTP", "friendlyName": "one", "url": "https://127.0.0.1:9", "interval": 300}
MONITORS: dict[str, dict[str, Any]] = {
    "HTTP": {
        **BASIC,
        "timeout": 30,
        "httpMethodType": "POST",
        "authType": "BEARER",
        "httpUsername": "probe",
        "customHttpHeaders": {"x-probe": "1"},
        "customFields": {"team": "platform"},
        "successHttpResponseCodes": ["2xx", "418"],
        "checkSSLErrors": True,
        "sslExpirationReminder": True,
        "domainExpirationReminder": True,
        "followRedirections": True,
        "responseTimeThreshold": 2000,
        "config": {"sslExpirationPeriodDays": [7, 30], "ipVersion": "ipv4Only", "applicationErrorRetries": 2},
        "postValueType": "RAW_JSON",
        "postValueData": {"deep": [1, "two"]},
    },
    "form": {**BASIC, "postValueType": "KEY_VALUE", "postValueData": {"a": "b"}},
    "KEYWORD": {
        **BASIC,
        "type": "KEYWORD",
        "keywordType": "ALERT_NOT_EXISTS",
        "keywordCaseType": 1,
        "keywordValue": "ok",
    },
    "PING": {**BASIC, "type": "PING", "url": "127.0.0.1"},
    "PORT": {**BASIC, "type": "PORT", "url": "127.0.0.1", "port": 443},
    "UDP": {
        **BASIC,
        "type": "UDP",
        "url": "127.0.0.1",
        "port": 53,
        "config": {"udp": {"payload": "hi", "packetLossThreshold": 20}},
    },
    "HEARTBEAT": {"type": "HEARTBEAT", "friendlyName": "dump", "interval": 86_400, "gracePeriod": 3_600},
    "DNS": {
        **BASIC,
        "type": "DNS",
        "url": "127.0.0.1",
        "config": {"dnsRecords": {"A": ["192.0.2.1"], "MX": ["mx.example.com"], "NSEC3": []}},
    },
    "API": {
        **BASIC,
        "type": "API",
        "config": {
            "apiAssertions": {
                "logic": "AND",
                "checks": [
                    {"property": "$.status", "comparison": "equals", "target": "ok"},
                    {"property": "$.load", "comparison": "less_than", "target": 3},
                    {"property": "$.error", "comparison": "is_null"},
                ],
            }
        },
    },
}
ADDRESS = "https://hooks.example.com/services/T0/B0/secret"
INTEGRATIONS: dict[str, dict[str, Any]] = {
    "Slack": {"webhookURL": ADDRESS, "customValue": "#incidents"},
    "Discord": {"webhookURL": ADDRESS},
    "MSTeams": {"webhookURL": ADDRESS},
    "Mattermost": {"webhookURL": ADDRESS, "customValue": "down"},
    "GoogleChat": {"roomURL": ADDRESS},
    "Webhook": {
        "urlToNotify": ADDRESS,
        "sendAsJSON": True,
        "postValue": '{"a":1}',
        "customHeaders": {"a": "b"},
    },
    "Splunk": {"urlToNotify": ADDRESS},
    "Zapier": {"hookURL": ADDRESS},
    "Pushover": {"userKey": "u" * 30, "priority": "High"},
    "Pushbullet": {"accessToken": "o.secret"},
    "PagerDuty": {"integrationKey": "k" * 32, "location": "eu", "autoResolve": True},
    "Telegram": {"customValue": "4711"},
}


class Api:
    """A client with the account's key."""

    def __init__(self, twin: Twin, key: str = "") -> None:
        self._http = httpx.Client(
            base_url=f"{twin.url}/uptimerobot/v3",
            headers={"Authorization": f"Bearer {key or twin.home.secret('UPTIMEROBOT_API_KEY')}"},
        )

    def __call__(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == (status or (201 if method == "POST" else 200)), answer.text
        return answer.json()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("apis"), speed=1) as twin:
        yield twin


@pytest.fixture(scope="module")
def api(twin: Twin) -> Api:
    return Api(twin)


@pytest.mark.parametrize("type_", MONITORS)
def test_a_monitor_comes_back_as_it_was_sent(api: Api, type_: str) -> None:
    sent = MONITORS[type_]
    created = api("POST", "/monitors", sent)
    found = api("GET", f"/monitors/{created['id']}")
    assert {name: found[name] for name in sent} == sent
    state = {name: found[name] for name in ("status", "currentStateDuration")}
    assert found == created | state  # the prober has looked meanwhile, perhaps
    assert found["url"].startswith("http://127.0.0.1:" if type_ == "HEARTBEAT" else sent["url"])


def test_tags_windows_contacts_and_regions_of_a_monitor_come_back_under_other_names(api: Api) -> None:
    window = api(
        "POST", "/maintenance-windows", {"name": "w", "interval": "daily", "time": "03:00:00", "duration": 30}
    )
    contact = api(
        "POST", "/alert-contacts", {"type": "Email", "friendlyName": "on call", "value": "a@example.com"}
    )
    assigned = [{"alertContactId": str(contact["id"]), "threshold": 5, "recurrence": 0}]
    sent = {
        "tagNames": ["platform", "sev1"],
        "maintenanceWindowsIds": [window["id"]],
        "assignedAlertContacts": assigned,
        "regionData": {"REGION": ["eu", "na"], "MANUAL_SELECTED": True},
    }
    found = api("POST", "/monitors", BASIC | sent)
    assert {tag["name"] for tag in found["tags"]} == {"platform", "sev1"}
    assert [one["id"] for one in found["maintenanceWindows"]] == [window["id"]]
    assert found["assignedAlertContacts"] == assigned
    assert found["regionalData"] == {"REGION": ["eu", "na"], "MANUAL_SELECTED": True, "THRESHOLD": {}}
    api("DELETE", f"/maintenance-windows/{window['id']}")
    assert api("GET", f"/monitors/{found['id']}")["maintenanceWindows"] == []


def test_a_change_of_a_monitor_leaves_other_properties_alone(api: Api) -> None:
    created = api("POST", "/monitors", MONITORS["HTTP"])
    changed = api("PATCH", f"/monitors/{created['id']}", {"interval": 60, "responseTimeThreshold": 0})
    assert changed == created | {"interval": 60, "responseTimeThreshold": 0, "status": changed["status"]}


def test_a_monitor_is_paused_and_started(api: Api) -> None:
    path = f"/monitors/{api('POST', '/monitors', BASIC)['id']}"
    assert api("POST", f"{path}/pause", {}, status=200)["status"] == "PAUSED"
    assert api("POST", f"{path}/start", {}, status=200)["status"] == "UP"


@pytest.mark.parametrize("type_", INTEGRATIONS)
def test_an_integration_comes_back_as_it_was_sent(api: Api, type_: str) -> None:
    data = {"friendlyName": "told", "enableNotificationsFor": "Down", "sslExpirationReminder": True}
    created = api("POST", "/integrations", {"type": type_, "data": data | INTEGRATIONS[type_]})
    found = api("GET", f"/integrations/{created['id']}")
    assert found == created
    assert {name: found[name] for name in data} == data
    assert found["type"] == type_
    keys = {"Pushover", "Pushbullet", "PagerDuty", "Telegram"}
    assert found["value"] == ("" if type_ in keys else ADDRESS)
    api("DELETE", f"/integrations/{created['id']}")


def test_a_second_integration_of_the_same_address_is_refused(api: Api) -> None:
    body = {"type": "Slack", "data": {"friendlyName": "once", "webhookURL": f"{ADDRESS}/once"}}
    api("POST", "/integrations", body)
    refused = api("POST", "/integrations", body, status=409)
    assert "exists already" in refused["message"]


def test_a_status_page_has_chosen_monitors_or_all(api: Api) -> None:
    monitor = api("POST", "/monitors", BASIC)
    sent = {"friendlyName": "Status", "monitorIds": [monitor["id"]], "sort": 3, "password": "secret"}
    page = api("POST", "/psps", sent)
    assert (page["monitorIds"], page["monitorsCount"], page["sort"]) == ([monitor["id"]], 1, 3)
    assert page["isPasswordSet"]
    assert "password" not in page
    everything = api("PATCH", f"/psps/{page['id']}", {"monitorIds": [0]})
    assert everything["monitorIds"] == [0]
    assert everything["monitorsCount"] > 1


def test_monitors_of_a_deleted_group_go_where_the_request_says(api: Api) -> None:
    old, new = (api("POST", "/monitor-groups", {"name": name}) for name in ("old", "new"))
    monitor = api("POST", "/monitors", BASIC | {"groupId": old["id"]})
    api("DELETE", f"/monitor-groups/{old['id']}?monitorsNewGroupId={new['id']}")
    assert api("GET", f"/monitors/{monitor['id']}")["groupId"] == new["id"]


def test_a_long_list_comes_in_pages(api: Api) -> None:
    for number in range(51):
        api("POST", "/monitors", BASIC | {"friendlyName": "many", "tagNames": [f"n{number % 2}"]})
    first = api("GET", "/monitors?name=many")
    rest = api("GET", f"/monitors?name=many&cursor={first['nextCursorId']}")
    assert (len(first["data"]), len(rest["data"]), rest["nextCursorId"]) == (50, 1, None)
    assert len(api("GET", "/monitors?tags=n1")["data"]) == 25


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [
        (("GET", "/monitors/1", None), 404, "no monitor 1"),
        (("DELETE", "/monitors/1", None), 404, "no monitor 1"),
        (("POST", "/monitors", {"type": "HTTP"}), 400, "friendlyName, interval must not be empty"),
        (("POST", "/monitors", BASIC | {"interval": 30}), 400, "at least 60 seconds"),
        (("POST", "/monitors", BASIC | {"groupId": 7}), 400, "no monitorGroup 7"),
        (
            ("POST", "/integrations", {"type": "Fax", "data": {"friendlyName": "x"}}),
            400,
            "type must be one of",
        ),
    ],
)
def test_a_refusal_says_why(api: Api, call: tuple[str, str, Any], status: int, reason: str) -> None:
    assert reason in api(*call, status=status)["message"]


def test_a_request_without_the_key_is_refused(twin: Twin) -> None:
    assert "not valid" in Api(twin, "wrong")("GET", "/monitors", status=401)["message"]
