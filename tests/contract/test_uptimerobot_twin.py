"""The stand-in for UptimeRobot accepts the same inputs as the real provider."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from provider_pair import PairedResource, ProviderPair, running_pair

pytestmark = pytest.mark.shares("uptimerobot-pair")

MONITOR: dict[str, Any] = {"name": "one", "url": "https://127.0.0.1:9", "interval": 300}
MONITORS: dict[str, dict[str, Any]] = {
    "everything": {
        **MONITOR,
        "type": "HTTP",
        "timeout": 30,
        "httpMethodType": "POST",
        "authType": "BEARER",
        "httpUsername": "u",
        "httpPassword": "p",
        "customHttpHeaders": {"x": "1"},
        "customFields": {"t": "p"},
        "successHttpResponseCodes": ["2xx"],
        "checkSslErrors": True,
        "sslExpirationReminder": True,
        "domainExpirationReminder": True,
        "followRedirections": True,
        "responseTimeThreshold": 2000,
        "config": {"sslExpirationPeriodDays": [7], "ipVersion": "ipv4Only", "applicationErrorRetries": 1},
        "postValueData": "{}",
        "regionData": {"regions": ["eu", "na"], "autoSelect": False},
        "assignedAlertContacts": [{"alertContactId": "1", "threshold": 0, "recurrence": 0}],
        "groupId": 0,
        "tags": ["a"],
        "maintenanceWindowIds": [],
        "isPaused": False,
    },
    "HTTP": {**MONITOR, "type": "HTTP"},
    "KEYWORD": {
        **MONITOR,
        "type": "KEYWORD",
        "keywordType": "ALERT_EXISTS",
        "keywordCaseType": "CaseSensitive",
        "keywordValue": "ok",
    },
    "PING": {**MONITOR, "type": "PING", "url": "127.0.0.1"},
    "PORT": {**MONITOR, "type": "PORT", "url": "127.0.0.1", "port": 9},
    "UDP": {
        **MONITOR,
        "type": "UDP",
        "url": "127.0.0.1",
        "port": 9,
        "config": {"udp": {"packetLossThreshold": 5, "payload": "x"}},
    },
    "HEARTBEAT": {"name": "b", "type": "HEARTBEAT", "interval": 3600, "gracePeriod": 60},
    "DNS": {
        **MONITOR,
        "type": "DNS",
        "url": "example.com",
        "config": {"dnsRecords": {"as": ["192.0.2.1"], "mxes": ["mx.example.com"]}},
    },
    "API": {
        **MONITOR,
        "type": "API",
        "config": {
            "apiAssertions": {
                "logic": "AND",
                "checks": [{"property": "$.a", "comparison": "equals", "target": '"ok"'}],
            }
        },
    },
}
INTEGRATION = {"name": "i", "value": "https://example.com/" + "k" * 32, "enableNotificationsFor": 1}
INTEGRATIONS: dict[str, dict[str, Any]] = {
    type_: {**INTEGRATION, "type": type_, "sslExpirationReminder": True}
    for type_ in (
        *("slack", "webhook", "discord", "telegram", "pushover", "pushbullet", "msteams", "zapier"),
        *("pagerduty", "googlechat", "splunk", "mattermost"),
    )
}
WINDOW = {"name": "w", "time": "03:00:00", "duration": 30}
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "contact": ("alertContact", {"name": "c", "type": "email", "value": "a@example.com"}),
    "once": ("maintenanceWindow", {**WINDOW, "interval": "once", "date": "2027-01-01"}),
    "daily": ("maintenanceWindow", {**WINDOW, "interval": "daily", "monitorIds": [5, 6]}),
    "weekly": ("maintenanceWindow", {**WINDOW, "interval": "weekly", "days": [1], "autoAddMonitors": False}),
    "monthly": ("maintenanceWindow", {**WINDOW, "interval": "monthly", "days": [-1]}),
    "group": ("monitorGroup", {"name": "g"}),
    "page": ("psp", {"name": "p", "monitorIds": [1]}),
    "page of all": (
        "psp",
        {
            "name": "p",
            "autoAddMonitors": True,
            "customSettings": {
                "page": {"layout": "logo_on_left", "theme": "dark", "density": "normal"},
                "colors": {"main": "#fff"},
                "features": {"showBars": True},
                "font": {"family": "x"},
            },
        },
    ),
}
_BODY_DROPPED = {
    f"{body}: really unchanged, in the twin updated" for body in ("postValueData", "postValueKv")
}
_CONFIG_STAYS = {"without config: really unchanged, in the twin refused"}
DIFFERENCES = {
    # A monitor that was made without a method goes on with GET, and the provider drops a body in silence.
    "HTTP": _BODY_DROPPED,
    "KEYWORD": _BODY_DROPPED,
    # The provider demands a config of these types only when it makes them.
    "UDP": _CONFIG_STAYS,
    "DNS": _CONFIG_STAYS,
    "API": _BODY_DROPPED | _CONFIG_STAYS,
    "daily": {"days: really unchanged, in the twin updated"},
}
"""All differences; docs/twin-differences.md says why they are safe."""


@pytest.fixture(scope="module")
def pair(real_uptimerobot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderPair]:
    with running_pair("uptimerobot", real_uptimerobot, tmp_path_factory.mktemp("uptimerobot")) as pair:
        yield pair


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("name", MONITORS)
def test_provider_and_stand_in_accept_the_same_monitors(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements("monitor", MONITORS[name]) == []


@pytest.mark.matrix(sample=4)
@pytest.mark.parametrize("type_", INTEGRATIONS)
def test_provider_and_stand_in_accept_the_same_integrations(pair: ProviderPair, type_: str) -> None:
    assert pair.find_disagreements("integration", INTEGRATIONS[type_]) == []


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("name", OTHERS)
def test_provider_and_stand_in_accept_the_same_inputs_of_other_kinds(pair: ProviderPair, name: str) -> None:
    assert pair.find_disagreements(*OTHERS[name]) == []


@pytest.fixture(scope="module")
def resources(pair: ProviderPair) -> dict[str, PairedResource]:
    """Create one resource of each kind, all at once: the real provider waits after each monitor."""
    bases = {name: ("monitor", base) for name, base in MONITORS.items()}
    bases |= {type_: ("integration", base) for type_, base in INTEGRATIONS.items()}
    bases |= OTHERS
    # No input names a resource that does not exist.
    absent = {"assignedAlertContacts": [], "monitorIds": []}
    wanted = {
        name: (kind, {key: absent.get(key, value) for key, value in base.items()})
        for name, (kind, base) in bases.items()
    }
    with ThreadPoolExecutor(len(wanted)) as pool:
        creations = {name: pool.submit(pair.create, *one) for name, one in wanted.items()}
    return {name: creation.result() for name, creation in creations.items()}


@pytest.mark.matrix(sample=10)
@pytest.mark.parametrize("name", [*MONITORS, *INTEGRATIONS, *OTHERS])
def test_provider_and_stand_in_plan_the_same_changes(
    pair: ProviderPair, resources: dict[str, PairedResource], name: str
) -> None:
    assert pair.find_disputed_changes(resources[name]) == DIFFERENCES.get(name, set())


def test_only_the_stand_in_refuses_an_input_that_does_not_exist(pair: ProviderPair) -> None:
    unheard_of = {**MONITORS["HTTP"], "intervall": 60}
    assert pair.real.check("monitor", unheard_of).accepted
    (refusal,) = pair.stand_in.check("monitor", unheard_of).refusals
    assert "intervall" in refusal
