"""Faults of Sentry under its real provider: which are waited out, which fail, and the message."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from plugin_driver import Plugin, PluginResource
from provider_pair import running_provider
from refusal_messages import explain_refusal
from vendor_process import Twin

from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("failing-sentry")

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
def provider_on_twin(
    real_sentry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Twin, Plugin]]:
    with running_provider("sentry", real_sentry, tmp_path_factory.mktemp("sentry")) as (twin, sentry):
        sentry.create("team", {**ORGANIZATION, "name": "t", "slug": "t"})
        sentry.create("project", {**ORGANIZATION, "name": "backend", "slug": "backend", "teams": ["t"]})
        yield twin, sentry


@pytest.fixture
def twin(provider_on_twin: tuple[Twin, Plugin]) -> Iterator[Twin]:
    """Give a twin whose organization has one project without cron monitors, and that has no fault planned."""
    twin = provider_on_twin[0]
    yield twin
    faults.cancel(twin.store, "sentry")
    for identifier in twin.store.list("sentry", "cronMonitor"):
        twin.sentry.delete("cronMonitor", identifier)


@pytest.fixture
def sentry(provider_on_twin: tuple[Twin, Plugin], twin: Twin) -> Plugin:  # noqa: ARG001 - without faults
    return provider_on_twin[1]


def failure(call: Callable[[], Any]) -> str:
    """Return the provider's message when the call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.details())


def count_cron_monitors(twin: Twin) -> int:
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
    assert count_cron_monitors(twin) == 1


def test_a_failure_that_took_effect_leaves_a_second_monitor_behind(twin: Twin, sentry: Plugin) -> None:
    faults.plan(twin.store, "sentry", Fault("POST", DETECTORS, 502, applied=True))
    sentry.create("cronMonitor", CRON)
    assert count_cron_monitors(twin) == 2


def test_a_project_slug_that_is_taken_is_refused_and_named(twin: Twin, sentry: Plugin) -> None:
    projects = len(twin.store.list("sentry", "project"))
    again = {**ORGANIZATION, "name": "again", "slug": "backend", "teams": ["t"]}
    message = failure(lambda: sentry.create("project", again))
    assert "A project with the slug 'backend' exists already." in message
    assert "bulwark adopt" in explain_refusal("sentry", "project", message).next_step
    assert len(twin.store.list("sentry", "project")) == projects


def test_a_monitor_beyond_the_plan_is_refused_with_the_plan(twin: Twin, sentry: Plugin) -> None:
    faults.plan(twin.store, "sentry", Fault("POST", DETECTORS, 403, "Your plan includes no more monitors."))
    message = failure(lambda: sentry.create("cronMonitor", CRON))
    assert "Your plan includes no more monitors." in message
    next_step = explain_refusal("sentry", "cronMonitor", message).next_step
    assert "ask for less in the stack's settings, or for more at Sentry" in next_step
    assert count_cron_monitors(twin) == 0


def test_an_alert_that_names_an_unknown_monitor_is_refused(sentry: Plugin) -> None:
    email = {"email": {"targetType": "issue_owners", "fallthroughType": "AllMembers"}}
    alert: dict[str, Any] = {
        **ORGANIZATION,
        "name": "a",
        "frequencyMinutes": 30,
        "monitorIds": ["7"],
        "actionFilters": [{"logicType": "all", "actions": [email]}],
    }
    message = failure(lambda: sentry.create("alert", alert))
    assert "The organization has no monitor 7." in message
    assert "correct the stack's settings" in explain_refusal("sentry", "alert", message).next_step


def create_and_delete(twin: Twin, sentry: Plugin, kind: str, inputs: dict[str, Any]) -> PluginResource:
    resource = sentry.create(kind, inputs)
    slug = inputs.get("slug")
    twin.sentry.delete(kind, f"example/{slug}" if slug else resource.id)
    return resource


def test_a_resource_deleted_at_sentry_is_gone_on_refresh_or_fails_the_refresh(
    twin: Twin, sentry: Plugin
) -> None:
    team = create_and_delete(twin, sentry, "team", {**ORGANIZATION, "name": "gone", "slug": "gone"})
    assert sentry.read("team", team) is None
    assert "404" in failure(lambda: sentry.delete("team", team))
    cron = create_and_delete(twin, sentry, "cronMonitor", CRON)
    message = failure(lambda: sentry.read("cronMonitor", cron))
    assert "pulumi state delete" in explain_refusal("sentry", "cronMonitor", message).next_step
    sentry.delete("cronMonitor", cron)
    key = create_and_delete(twin, sentry, "key", {**PROJECT, "name": "gone"})
    message = failure(lambda: sentry.read("key", key))
    assert "No matching client key found" in message
    assert "pulumi state delete" in explain_refusal("sentry", "key", message).next_step


@pytest.mark.parametrize(
    ("credential", "fault", "part", "next_step"),
    [
        ("wrong", None, "check the authentication token", "SENTRY_AUTH_TOKEN"),
        ("", None, "oken", "SENTRY_AUTH_TOKEN"),
        (None, Fault("GET", HEALTH, 404, "Not here."), "check the base URL", "status.sentry.io"),
        (None, Fault("GET", HEALTH, 403, "Not you."), "403", "SENTRY_AUTH_TOKEN"),
    ],
    ids=["wrong token", "no token", "no health", "health refused"],
)
def test_a_provider_that_cannot_read_sentrys_health_refuses_the_preview(
    real_sentry: Path,
    tmp_path: Path,
    *,
    credential: str | None,
    fault: Fault | None,
    part: str,
    next_step: str,
) -> None:
    def configured() -> None:
        with running_provider("sentry", real_sentry, tmp_path, credential=credential, fault=fault):
            pass

    message = failure(configured)
    assert part in message
    assert next_step in explain_refusal("sentry", "", message).next_step
