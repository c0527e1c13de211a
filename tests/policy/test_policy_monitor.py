"""The rule that every public endpoint has a monitor that reaches someone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from policy_harness import ABSENT, UNKNOWN, Toy, altered, judged, monitor, production, secret, without

RULE = "endpoint-has-monitor"
API, FRONTEND = "https://api.example.com", "https://example.com"


def complaints(stack: Sequence[Toy]) -> list[str]:
    """Return the messages of this rule's violations, all of which must be mandatory."""
    found = [violation for violation in judged(stack) if violation.rule == RULE]
    assert {violation.level for violation in found} <= {1}
    return [violation.message for violation in found]


def only(stack: Sequence[Toy]) -> str:
    (message,) = complaints(stack)
    return message


@pytest.mark.parametrize(("name", "url"), [("health", API), ("frontend", FRONTEND)])
def test_an_endpoint_without_monitor_is_refused(name: str, url: str) -> None:
    message = only(without(production(), name))
    assert f"nobody is told when {url} is down: no monitor looks at it" in message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"isPaused": True}, "must declare isPaused false"),
        ({"isPaused": ABSENT}, "must declare isPaused false"),
        ({"isPaused": UNKNOWN}, "could not be decided: isPaused of health"),
        ({"type": "PING"}, "no monitor looks at it"),
        ({"type": ABSENT}, "no monitor looks at it"),
        ({"url": ABSENT}, "no monitor looks at it"),
        ({"url": UNKNOWN}, "could not be decided: url of health"),
        ({"url": f"{API}/"}, "does not look at /health"),
        ({"url": f"{API}/api/version"}, "does not look at /health"),
        ({"url": "http://api.example.com/health"}, "no monitor looks at it"),
        ({"url": "https://api.example.com:8443/health"}, "no monitor looks at it"),
        ({"url": "https://other.example.com/health"}, "no monitor looks at it"),
        ({"url": "https://api.example.com:port/health"}, "no monitor looks at it"),
        ({"assignedAlertContacts": ABSENT}, "tells no contact"),
        ({"assignedAlertContacts": []}, "tells no contact"),
        ({"assignedAlertContacts": [{"alertContactId": "4711"}]}, "tells no contact"),
        ({"assignedAlertContacts": UNKNOWN}, "tells no contact"),
    ],
)
def test_a_weakened_monitor_is_refused(change: dict[str, Any], reason: str) -> None:
    assert reason in only(altered(production(), "health", **change))


@pytest.mark.parametrize(
    "url",
    ["https://API.example.com:443/health", "https://api.example.com/health?deep=1"],
)
def test_one_origin_is_written_in_many_ways(url: str) -> None:
    assert complaints(altered(production(), "health", url=url)) == []


def test_a_known_bad_address_next_to_a_good_monitor_does_no_harm() -> None:
    odd = monitor("odd", type="HTTP", url="https://[broken")
    assert complaints([*production(), odd]) == []


def test_a_second_weak_monitor_does_no_harm() -> None:
    weak = monitor("weak", type="HTTP", url=f"{API}/", isPaused=True)
    assert complaints([*production(), weak]) == []


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({"isActive": False}, False),
        ({"isActive": ABSENT}, False),
        ({"isActive": UNKNOWN}, False),
        ({"notificationEvents": "down"}, True),
        ({"notificationEvents": "up"}, False),
        ({"notificationEvents": "none"}, False),
        ({"notificationEvents": ABSENT}, False),
    ],
)
def test_a_person_must_be_active_and_told(change: dict[str, Any], passes: bool) -> None:
    stack = altered(without(production(), "incidents"), "operations", **change)
    assert (complaints(stack) == []) is passes


@pytest.mark.parametrize(
    ("told", "passes"), [(1, True), (2, True), (3, False), (4, False), (ABSENT, False), (UNKNOWN, False)]
)
def test_a_channel_must_be_told_of_outages(told: Any, passes: bool) -> None:
    stack = altered(without(production(), "operations"), "incidents", enableNotificationsFor=told)
    assert (complaints(stack) == []) is passes


def test_one_contact_that_hears_is_enough() -> None:
    assert complaints(altered(production(), "operations", isActive=False)) == []


def test_a_contact_is_found_by_its_id_once_that_is_known() -> None:
    stack = [
        replace(toy, outputs={**toy.inputs, "id": "4711"}) if toy.name == "operations" else toy
        for toy in altered(production(), "health", assignedAlertContacts=[{"alertContactId": "4711"}])
    ]
    assert complaints(stack) == []


def test_a_contact_that_only_another_input_depends_on_does_not_count() -> None:
    stack = [
        replace(toy, made_from={"tags": ("operations", "incidents")}) if toy.name == "health" else toy
        for toy in production()
    ]
    assert "tells no contact" in only(stack)


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (UNKNOWN, "could not be decided: endpoints of platform"),
        ({"url": UNKNOWN}, "could not be decided: endpoints of platform"),
        ({"name": "api"}, "has no web address"),
        ({"url": ""}, "has no web address"),
        ({"url": "api.example.com"}, "has no web address"),
        ({"url": "https://api.example.com:none"}, "has no web address"),
        ({"url": 5}, "has no web address"),
        ({"url": secret("https://other.example.com")}, "https://other.example.com is down"),
        ({"url": FRONTEND, "critical": UNKNOWN}, "does not look at /health"),
        ({"url": FRONTEND}, "does not look at /health"),
    ],
)
def test_an_endpoint_that_is_not_plain_is_refused(endpoint: Any, reason: str) -> None:
    assert reason in only(altered(production(), "platform", endpoints=[endpoint]))


def test_endpoints_that_are_not_known_are_refused() -> None:
    stack = altered(production(), "platform", endpoints=UNKNOWN)
    assert "could not be decided: endpoints of platform" in only(stack)


@pytest.mark.parametrize("endpoints", [ABSENT, []])
def test_a_platform_without_endpoints_is_refused(endpoints: Any) -> None:
    assert "publishes no endpoint" in only(altered(production(), "platform", endpoints=endpoints))


def test_endpoints_of_any_component_count() -> None:
    shop = Toy("acme:index:Shop", "shop", {"endpoints": [{"url": "https://shop.example.com"}]})
    assert "https://shop.example.com" in only([*production(), shop])


def test_an_input_of_a_vendor_that_is_called_endpoints_does_not_count() -> None:
    thing = Toy("aws:x/y:Z", "thing", {"endpoints": [{"url": "https://shop.example.com"}]}, provider={})
    provider = Toy("pulumi:providers:aws", "aws", {"endpoints": [{"s3": "http://localhost:1"}]})
    assert complaints([*production(), thing, provider]) == []
