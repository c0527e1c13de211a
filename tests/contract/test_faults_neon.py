"""Faults of Neon under its real provider: the message, and how the next run goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from clusters import reachable_home
from deployment import name_of
from installations import CommandResult, Installation
from plugin_driver import Plugin, PluginResource
from provider_pair import running_provider
from refusal_messages import explain_refusal
from vendor_process import Twin

from engine.vendor_errors import VendorRefusal
from twin.neon.model import Neon
from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("failing")

PROJECTS = "/api/v2/projects"
UP = ("up", "--providers", "real")
PROJECT = {"name": "one", "historyRetentionSeconds": 3600}


@pytest.fixture(scope="module")
def neon(failing: Installation) -> Iterator[Neon]:
    neon = Neon(failing.home)
    yield neon
    neon.store.close()


@pytest.fixture(autouse=True)
def no_fault_is_left(neon: Neon) -> Iterator[None]:
    yield
    faults.cancel(neon.store, "neon")


def up(installation: Installation, code: int = 0) -> CommandResult:
    done = installation.bulwark(*UP, timeout_seconds=600)
    assert done.code == code, done.text[-4_000:]
    return done


def projects(neon: Neon) -> set[str]:
    return set(neon.store.list("neon", "project"))


def known_projects(installation: Installation) -> set[str]:
    """Return the projects in the stack's state, which may not exist yet."""
    resources = installation.state().get("resources") or []
    return {one["id"] for one in resources if name_of(one["urn"]) == "database-project"}


def test_a_refused_creation_names_vendor_resource_and_next_step_and_leaves_nothing(
    failing: Installation, neon: Neon
) -> None:
    faults.plan(neon.store, "neon", Fault("POST", PROJECTS, 503, "Neon is having a rest."))
    refused = up(failing, code=1)
    assert (
        "bulwark: Neon refused database-project: Neon is having a rest (HTTP 503).\n  Next: " in refused.err
    )
    assert projects(neon) == set()


def test_a_busy_neon_is_asked_again_and_a_project_left_behind_is_reported(
    failing: Installation, neon: Neon
) -> None:
    for fault in (
        Fault("POST", PROJECTS, 429, "Slow down.", {"Retry-After": "1"}),
        Fault("POST", PROJECTS, 423, "Busy."),
        Fault("GET", f"{PROJECTS}/.*/reveal_password", 500),
    ):
        faults.plan(neon.store, "neon", fault)
    done = up(failing)
    (left,) = projects(neon) - known_projects(failing)
    assert f"bulwark: Neon has project example-twin ({left}), which this stack does not know." in done.err
    neon.delete("project", left)
    again = failing.bulwark("preview", "--json")
    assert again.json["steps"] == []
    assert projects(neon) == known_projects(failing)


@pytest.fixture(scope="module")
def provider_on_twin(real_neon: Path) -> Iterator[tuple[Twin, Plugin]]:
    # Where an unprivileged PostgreSQL can reach it.
    with reachable_home() as home, running_provider("neon", real_neon, home.root) as door:
        yield door
        account = Neon(door[0].home)
        for _, cluster in account.list_clusters():
            cluster.destroy()
        account.store.close()


@pytest.fixture(scope="module")
def provider(provider_on_twin: tuple[Twin, Plugin]) -> Plugin:
    return provider_on_twin[1]


@pytest.fixture(scope="module")
def account(provider_on_twin: tuple[Twin, Plugin]) -> Iterator[Neon]:
    account = Neon(provider_on_twin[0].home)
    yield account
    account.store.close()


@pytest.fixture(scope="module")
def project(provider: Plugin) -> PluginResource:
    return provider.create("project", PROJECT)


def refusal(call: Callable[[], Any], kind: str) -> VendorRefusal:
    """Return the refusal as `./bulwark` reports it when the call fails."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    message = str(failed.value.details())
    return explain_refusal("neon", kind, message)


def test_a_role_that_exists_is_not_created_twice(
    provider: Plugin, account: Neon, project: PluginResource
) -> None:
    branch = account.find_default_branch(project.id)
    role = {"projectId": project.id, "branchId": branch, "name": "taken"}
    provider.create("role", role)
    refused = refusal(lambda: provider.create("role", role), "role")
    assert "(HTTP 409)" in refused.reason
    assert "bulwark adopt" in refused.next_step
    assert [found["name"] for found in account.list_on_branch(branch, "role").values()].count("taken") == 1


def test_a_project_beyond_the_plan_is_refused_with_the_plan_and_nothing_is_created(
    provider: Plugin, account: Neon
) -> None:
    before = projects(account)
    long = {"name": "long", "historyRetentionSeconds": 14 * 24 * 3600}
    refused = refusal(lambda: provider.create("project", long), "project")
    assert "on the launch plan" in refused.reason
    assert "ask for less in the stack's settings, or for more at Neon" in refused.next_step
    assert projects(account) == before


def test_a_role_that_somebody_deleted_is_gone_on_refresh(
    provider: Plugin, account: Neon, project: PluginResource
) -> None:
    branch = account.find_default_branch(project.id)
    role = provider.create("role", {"projectId": project.id, "branchId": branch, "name": "brief"})
    account.delete("role", f"{project.id}/{branch}/brief")
    assert provider.read("role", role) is None


def test_an_api_key_that_neon_does_not_accept_is_named_and_nothing_is_created(
    real_neon: Path, tmp_path: Path
) -> None:
    with running_provider("neon", real_neon, tmp_path, credential="wrong") as (twin, provider):
        refused = refusal(lambda: provider.create("project", PROJECT), "project")
        assert "(HTTP 401)" in refused.reason
        assert "NEON_API_KEY" in refused.next_step
        assert twin.store.list("neon", "project") == {}


def test_a_missing_api_key_is_reported_before_any_request(real_neon: Path, tmp_path: Path) -> None:
    def configured() -> None:
        with running_provider("neon", real_neon, tmp_path, credential="") as (_, provider):
            provider.create("project", PROJECT)

    assert "NEON_API_KEY" in refusal(configured, "project").next_step
