"""Which monitor looks at which endpoint, whom it tells, and what a message says of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from policy_harness import (
    UNKNOWN,
    Toy,
    Violation,
    alter,
    find_toy,
    find_violations,
    production,
    secret,
    without,
)

from policies.facts.alert_contacts import registered_domain
from policies.facts.endpoints import EndpointAddress, address_of
from policies.rules import RULES

HEALTH, HEALTH_URL = "uptime-backend-health", "https://api.example.com/health"


def violations_of(stack: Sequence[Toy], rule: str) -> list[Violation]:
    return find_violations(stack, [one for one in RULES if one.id == rule])


def message_of(stack: Sequence[Toy], rule: str) -> str:
    (violation,) = violations_of(stack, rule)
    return violation.message


def another(stack: Sequence[Toy], like: str, name: str, **changes: Any) -> list[Toy]:
    """Return the stack with one more resource, a changed copy of another."""
    (copy,) = alter([replace(find_toy(stack, like), name=name)], name, **changes)
    return [*stack, copy]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.example.com", EndpointAddress("https", "api.example.com", 443)),
        ("HTTPS://API.example.com:443/a?b#c", EndpointAddress("https", "api.example.com", 443)),
        ("https://user:word@api.example.com:8443", EndpointAddress("https", "api.example.com", 8443)),
        ("http://api.example.com", EndpointAddress("http", "api.example.com", 80)),
        ("https://[::1]/", EndpointAddress("https", "::1", 443)),
        ("api.example.com", None),
        ("ftp://api.example.com", None),
        ("https://", None),
        ("https://[broken", None),
        ("https://api.example.com:port", None),
    ],
)
def test_the_spellings_of_one_address_are_equal(url: str, address: EndpointAddress | None) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("api.eu.example.com", "example.com"),
        ("API.Example.com.", "example.com"),
        ("api.example.co.uk", "example.co.uk"),
        ("example.de", "example.de"),
        ("api.shop.de", "shop.de"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_hosts_of_one_owner_share_a_domain(host: str, domain: str) -> None:
    assert registered_domain(host) == domain


def test_what_can_be_reached_in_production_has_a_published_address() -> None:
    opening = Toy("aws:lambda/functionUrl:FunctionUrl", "open", provider="aws")
    production = Toy("shop:index:Shop", "shop", {"environment": "production"})
    rule = "endpoint-is-published"
    assert [one.resource for one in violations_of([production, opening], rule)] == ["open"]
    assert violations_of([opening], rule) == []
    published = replace(
        production, inputs={**production.inputs, "endpoints": [{"url": "https://shop.example.com"}]}
    )
    assert violations_of([published, opening], rule) == []


def test_an_endpoint_that_nobody_watches_is_named() -> None:
    message = message_of(without(production(), "uptime-frontend-page"), "endpoint-has-monitor")
    assert "https://app.example.com: no monitor looks at it" in message
    assert "api.example.com" not in message


def test_a_monitor_that_looks_elsewhere_on_a_critical_endpoint_is_named() -> None:
    message = message_of(without(production(), HEALTH), "endpoint-has-monitor")
    assert "https://api.example.com: uptime-backend-version (Monitor) does not look at /health" in message


def test_the_time_until_someone_is_told_is_shown_as_a_sum() -> None:
    stack = alter(production(), HEALTH, interval=300)
    assert (
        "https://api.example.com: 5 min between looks + 2 x 30 s for a look and the one that confirms it + "
        "0 s until someone is told = 6 min, more than 5 min"
    ) in message_of(stack, "endpoint-monitor-is-fast")


def test_an_address_that_is_a_secret_is_not_shown() -> None:
    stack = alter(production(), "example", endpoints__0__url=secret("https://hidden.example.com"))
    message = message_of(stack, "endpoint-has-monitor")
    assert "an endpoint with a secret address: no monitor looks at it" in message
    assert "hidden" not in message


def test_credentials_in_an_address_are_not_shown() -> None:
    stack = alter(production(), "example", endpoints__0__url="https://user:word@other.example.com/path")
    message = message_of(stack, "endpoint-has-monitor")
    assert "https://other.example.com: no monitor looks at it" in message
    assert not {"user", "word", "path"} & set(message.replace(":", " ").replace("@", " ").split())


def test_a_weak_monitor_next_to_a_good_one_does_no_harm() -> None:
    weak = {"interval": 3_600, "keywordValue": "", "checkSslErrors": False, "assignedAlertContacts": []}
    stack = another(production(), HEALTH, "weak", **weak)
    assert {one.rule for one in find_violations(stack) if one.resource == "example"} == set()


def test_a_good_monitor_that_is_off_does_not_excuse_one_that_is_on() -> None:
    stack = alter(another(production(), HEALTH, "off", isPaused=True), HEALTH, interval=3_600)
    assert violations_of(stack, "endpoint-has-monitor") == []
    assert "1 h between looks" in message_of(stack, "endpoint-monitor-is-fast")


@pytest.mark.parametrize(
    "rule",
    [
        "endpoint-monitor-is-fast",
        "endpoint-monitor-checks-content",
        "endpoint-monitor-checks-certificate",
        "endpoint-monitor-looks-from-several-regions",
        "monitor-route-is-independent",
    ],
)
def test_a_missing_monitor_is_reported_once(rule: str) -> None:
    assert violations_of(without(production(), HEALTH), rule) == []


def test_an_address_that_cannot_be_read_next_to_a_good_monitor_does_no_harm() -> None:
    stack = another(production(), HEALTH, "odd", url="https://[broken")
    assert violations_of(stack, "endpoint-has-monitor") == []


def test_endpoints_of_any_component_count() -> None:
    shop = Toy("acme:index:Shop", "shop", {"endpoints": [{"url": "https://shop.example.com"}]})
    (violation,) = violations_of([*production(), shop], "endpoint-has-monitor")
    assert violation.resource == "shop"


def test_an_input_of_a_vendor_that_is_called_endpoints_does_not_count() -> None:
    thing = Toy("aws:x/y:Z", "thing", {"endpoints": [{"url": "https://x.example.com"}]}, provider="aws")
    provider = Toy("pulumi:providers:aws", "own", {"endpoints": [{"s3": "http://localhost:1"}]})
    stack = [*production(), thing, provider]
    assert violations_of(stack, "endpoint-has-monitor") == violations_of(stack, "endpoint-is-published") == []


DOMAINS = [
    Toy("vercel:index/projectDomain:ProjectDomain", "domain", {"domain": "shop.example"}, provider="vercel"),
    Toy("railway:index/customDomain:CustomDomain", "domain", {"domain": "shop.example"}, provider="railway"),
    Toy(
        "aws:cloudfront/distribution:Distribution",
        "domain",
        {"aliases": ["shop.example", "*.shop.example"]},
        provider="aws",
    ),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda toy: toy.type)
def test_a_vendors_domain_is_a_critical_endpoint(domain: Toy) -> None:
    message = message_of([domain], "endpoint-has-monitor")
    assert "domain (" in message
    assert "https://shop.example: no monitor looks at it" in message
    assert "*" not in message
    watching = Toy(
        "uptimerobot:index/monitor:Monitor",
        "watching",
        {"type": "HTTP", "url": "https://shop.example/health", "isPaused": False},
        provider="uptimerobot",
    )
    assert violations_of([domain, watching], "endpoint-has-monitor") == []
    elsewhere = replace(watching, inputs={**watching.inputs, "url": "https://shop.example/"})
    assert "does not look at /health" in message_of([domain, elsewhere], "endpoint-has-monitor")


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda toy: toy.type)
def test_a_vendors_domain_is_an_endpoint_as_its_component_publishes_it(domain: Toy) -> None:
    shop = Toy("acme:index:Shop", "shop", {"endpoints": [{"url": "https://shop.example", "critical": False}]})
    (violation,) = violations_of([domain, shop], "endpoint-has-monitor")
    assert violation.resource == "shop"


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda toy: toy.type)
def test_a_vendors_domain_that_is_not_known_is_refused(domain: Toy) -> None:
    (name,) = domain.inputs
    for value in (UNKNOWN, [UNKNOWN]):
        unknown = replace(domain, inputs={name: value})
        assert f"could not be decided: {name} of domain" in message_of([unknown], "endpoint-is-published")


def test_a_distribution_without_names_of_its_own_publishes_nothing() -> None:
    plain = Toy("aws:cloudfront/distribution:Distribution", "plain", {"enabled": True}, provider="aws")
    assert (
        violations_of([plain], "endpoint-is-published")
        == violations_of([plain], "endpoint-has-monitor")
        == []
    )


@pytest.mark.parametrize(
    ("told", "passes"), [("up_and_down", True), ("down", True), ("up", False), ("none", False)]
)
def test_a_person_must_be_told_of_outages(told: str, passes: bool) -> None:
    stack = without(production(), "alerting-incidents", "alerting-oncall", "alerting-automation")
    stack = alter(stack, "alerting-operations", notificationEvents=told)
    assert (violations_of(stack, "monitor-reaches-someone") == []) is passes


@pytest.mark.parametrize(("told", "passes"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_channel_must_be_told_of_outages(told: int, passes: bool) -> None:
    stack = without(production(), "alerting-operations", "alerting-oncall", "alerting-automation")
    stack = alter(stack, "alerting-incidents", enableNotificationsFor=told)
    assert (violations_of(stack, "monitor-reaches-someone") == []) is passes


def test_a_contact_is_found_by_its_id_once_that_is_known() -> None:
    stack = [
        replace(toy, outputs={**toy.inputs, "id": "4711"}) if toy.name == "alerting-operations" else toy
        for toy in alter(production(), HEALTH, assignedAlertContacts=[{"alertContactId": "4711"}])
    ]
    assert violations_of(stack, "monitor-reaches-someone") == []


def test_a_contact_that_only_another_input_depends_on_is_not_told() -> None:
    stack = [
        replace(toy, made_from={"tags": ["alerting-operations"]}) if toy.name == HEALTH else toy
        for toy in alter(production(), HEALTH, assignedAlertContacts=[{"alertContactId": "4711"}])
    ]
    assert "tells no contact that this stack declares" in message_of(stack, "monitor-reaches-someone")


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("us@example.com", False),
        ("us@mail.example.com", False),
        ("us@EXAMPLE.com", False),
        ("us@elsewhere.net", True),
        ("us@notexample.com", True),
        ("us@example.com.elsewhere.net", True),
        ("us", False),
        ("", False),
        ("https://[broken", False),
        (5, False),
    ],
)
def test_a_mailbox_in_the_watched_domain_is_no_route(address: Any, passes: bool) -> None:
    stack = without(production(), "alerting-incidents", "alerting-oncall", "alerting-automation")
    stack = alter(stack, "alerting-operations", value=secret(address))
    violations = violations_of(stack, "monitor-route-is-independent")
    assert (violations == []) is passes
    assert not any("us@" in one.message for one in violations)


def test_two_jobs_do_not_share_a_heartbeat() -> None:
    stack = [
        replace(toy, depends_on=[*toy.depends_on, "job-files"])
        if toy.name == "job-database-heartbeat"
        else toy
        for toy in without(production(), "job-files-heartbeat")
    ]
    violations = violations_of(stack, "job-has-heartbeat")
    assert {one.resource for one in violations} == {"job-database", "job-files"}
    assert all("is another job's too" in one.message for one in violations)


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [("*/10 * * * *", 600), ("0 0 * * 1-5", 259_200), ("0 0 1 * *", 2_678_400), ("0 0 1 1 *", 2_678_400)],
)
def test_a_heartbeat_waits_for_the_longest_gap_and_31_days_at_most(schedule: str, seconds: int) -> None:
    stack = alter(production(), "job-database", schedule=schedule)
    assert (
        violations_of(alter(stack, "job-database-heartbeat", interval=seconds), "heartbeat-matches-its-job")
        == []
    )
    weak = alter(stack, "job-database-heartbeat", interval=seconds + 1)
    assert "must declare" in message_of(weak, "heartbeat-matches-its-job")


def test_a_sentry_project_needs_its_protections_where_no_service_is_published() -> None:
    project = Toy("sentry:index/project:Project", "project", {"slug": "shop"}, provider="sentry")
    refused = {one.rule for one in find_violations([project]) if one.rule.startswith("error-project")}
    assert refused == {
        "error-project-has-alerts",
        "error-project-has-key",
        "error-project-has-owner",
        "error-project-has-spike-protection",
    }
    assert violations_of([project], "service-has-error-project") == []


def test_an_alert_on_one_project_does_not_count_for_another() -> None:
    stack = without(production(), "errors-backend-new-alert")
    (violation,) = violations_of(stack, "error-project-has-alerts")
    assert violation.resource == "errors-backend-project"
    assert "no alert listens to new issues of errors-backend-project (Project)" in violation.message


def test_an_alert_on_a_projects_monitor_does_not_count_for_the_project() -> None:
    stack = without(production(), "errors-backend-new-alert", "errors-backend-regressed-alert")
    assert len(violations_of(stack, "error-project-has-alerts")) == 1
