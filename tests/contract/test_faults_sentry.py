"""Sentry's bad days, met by its real provider: what passes, what fails and how it says so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from plugin_driver import Existing, Plugin
from provider_pair import at_the_door
from refusal_messages import explained
from vendor_process import Twin

from twin.vendor import faults
from twin.vendor.faults import Fault

ORGANIZATION = {"organization": "example"}
PROJECT = {**ORGANIZATION, "project": "backend"}
CRON: dict[str, Any] = {
    **PROJECT,
    "name": "dump",
    "checkinMarginMinutes": 30,
    "failureIssueThreshold": 1,
    "maxRuntimeMinutes": 60,
    "recoveryThreshold": 1,
    "schedule": {"crontab": "0 3 * * *"},
}
HEALTH = "/api/0/internal/health/"
DETECTORS = "/api/0/organizations/example/projects/backend/detectors/"


@pytest.fixture(scope="module")
def door(real_plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Plugin]]:
    with at_the_door("sentry", real_plugins, tmp_path_factory.mktemp("sentry")) as (twin, sentry):
        sentry.create("team", {**ORGANIZATION, "name": "t", "slug": "t"})
        sentry.create("project", {**ORGANIZATION, "name": "backend", "slug": "backend", "teams": ["t"]})
        yield twin, sentry


@pytest.fixture
def twin(door: tuple[Twin, Plugin]) -> Iterator[Twin]:
    """Give a twin whose organization has one project without cron monitors, and that has no fault planned."""
    twin = door[0]
    yield twin
    faults.cancel(twin.store, "sentry")
    for identifier in twin.store.list("sentry", "cronMonitor"):
        twin.sentry.delete("cronMonitor", identifier)


@pytest.fixture
def sentry(door: tuple[Twin, Plugin], twin: Twin) -> Plugin:  # noqa: ARG001 - without faults
    return door[1]


def failure(call: Callable[[], Any]) -> str:
    """Return what the provider says when the call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.details())  # pyright: ignore[reportAttributeAccessIssue] - an error of a call has details


def crons(twin: Twin) -> int:
    return len(twin.store.list("sentry", "cronMonitor"))


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", DETECTORS, 429, "Slow down.", {"Retry-After": "1"}),
        Fault("POST", DETECTORS, 500),
        Fault("POST", DETECTORS, 503),
    ],
    ids=["429", "500", "503"],
)
def test_a_passing_failure_is_waited_out_and_nothing_is_made_twice(
    twin: Twin, sentry: Plugin, fault: Fault
) -> None:
    faults.plan(twin.store, "sentry", fault)
    sentry.create("cronMonitor", CRON)
    assert crons(twin) == 1


def test_a_failure_that_took_effect_leaves_a_second_monitor_behind(twin: Twin, sentry: Plugin) -> None:
    faults.plan(twin.store, "sentry", Fault("POST", DETECTORS, 502, applied=True))
    sentry.create("cronMonitor", CRON)
    assert crons(twin) == 2


def test_a_name_that_is_taken_is_refused_and_named(twin: Twin, sentry: Plugin) -> None:
    projects = len(twin.store.list("sentry", "project"))
    again = {**ORGANIZATION, "name": "again", "slug": "backend", "teams": ["t"]}
    said = failure(lambda: sentry.create("project", again))
    assert "A project with the slug 'backend' exists already." in said
    assert "adopt it" in explained("sentry", "project", said).next_step
    assert len(twin.store.list("sentry", "project")) == projects


def test_more_than_the_plan_has_is_refused_with_the_plan(twin: Twin, sentry: Plugin) -> None:
    faults.plan(twin.store, "sentry", Fault("POST", DETECTORS, 403, "Your plan includes no more monitors."))
    said = failure(lambda: sentry.create("cronMonitor", CRON))
    assert "Your plan includes no more monitors." in said
    next_step = explained("sentry", "cronMonitor", said).next_step
    assert "ask for less in the stack's settings, or for more at Sentry" in next_step
    assert crons(twin) == 0


def test_what_an_alert_names_must_exist(sentry: Plugin) -> None:
    email = {"email": {"targetType": "issue_owners", "fallthroughType": "AllMembers"}}
    alert: dict[str, Any] = {
        **ORGANIZATION,
        "name": "a",
        "frequencyMinutes": 30,
        "monitorIds": ["7"],
        "actionFilters": [{"logicType": "all", "actions": [email]}],
    }
    said = failure(lambda: sentry.create("alert", alert))
    assert "The organization has no monitor 7." in said
    assert "correct the stack's settings" in explained("sentry", "alert", said).next_step


def deleted(twin: Twin, sentry: Plugin, kind: str, inputs: dict[str, Any]) -> Existing:
    made = sentry.create(kind, inputs)
    slug = inputs.get("slug")
    twin.sentry.delete(kind, f"example/{slug}" if slug else made.id)
    return made


def test_what_was_deleted_behind_its_back_is_gone_on_refresh_or_fails_it(twin: Twin, sentry: Plugin) -> None:
    team = deleted(twin, sentry, "team", {**ORGANIZATION, "name": "gone", "slug": "gone"})
    assert sentry.read("team", team) is None
    assert "404" in failure(lambda: sentry.delete("team", team))
    cron = deleted(twin, sentry, "cronMonitor", CRON)
    said = failure(lambda: sentry.read("cronMonitor", cron))
    assert "pulumi state delete" in explained("sentry", "cronMonitor", said).next_step
    sentry.delete("cronMonitor", cron)
    key = deleted(twin, sentry, "key", {**PROJECT, "name": "gone"})
    said = failure(lambda: sentry.read("key", key))
    assert "No matching client key found" in said
    assert "pulumi state delete" in explained("sentry", "key", said).next_step


@pytest.mark.parametrize(
    ("credential", "fault", "says", "next_step"),
    [
        ("wrong", None, "check the authentication token", "sentry_auth_token"),
        ("", None, "oken", "sentry_auth_token"),
        (None, Fault("GET", HEALTH, 404, "Not here."), "check the base URL", "status.sentry.io"),
        (None, Fault("GET", HEALTH, 403, "Not you."), "403", "sentry_auth_token"),
    ],
    ids=["wrong token", "no token", "no health", "health refused"],
)
def test_who_may_not_ask_for_the_health_gets_no_preview(
    real_plugins: Path,
    tmp_path: Path,
    *,
    credential: str | None,
    fault: Fault | None,
    says: str,
    next_step: str,
) -> None:
    def configured() -> None:
        with at_the_door("sentry", real_plugins, tmp_path, credential=credential, fault=fault):
            pass

    said = failure(configured)
    assert says in said
    assert next_step in explained("sentry", "", said).next_step
