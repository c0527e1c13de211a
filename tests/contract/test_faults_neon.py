"""Neon on a bad day, met by its real provider: what a person reads, and how the next run goes on."""

from collections.abc import Iterator

import pytest
from deployment import name_of
from installations import Finished, Installation

from cli import stack_file
from local.doors import faults
from local.doors.faults import Fault
from local.vendors.neon import Neon

PROJECTS = "/api/v2/projects"
UP = ("up", "--providers", "real")


@pytest.fixture(scope="module")
def neon(failing: Installation) -> Iterator[Neon]:
    neon = Neon(failing.home)
    yield neon
    neon.store.close()


@pytest.fixture(autouse=True)
def no_fault_is_left(neon: Neon) -> Iterator[None]:
    yield
    faults.cancel(neon.store, "neon")


@pytest.fixture
def deployed(failing: Installation) -> Installation:
    """Give the installation with its stack deployed, whichever tests went before."""
    if not known(failing):
        up(failing)
    return failing


def up(installation: Installation, code: int = 0) -> Finished:
    done = installation.bulwark(*UP, timeout_seconds=600)
    assert done.code == code, done.text[-4_000:]
    return done


def projects(neon: Neon) -> set[str]:
    return set(neon.store.list("neon", "project"))


def known(installation: Installation) -> set[str]:
    """Return the projects that the stack's state knows; there may be no state yet."""
    resources = stack_file.checkpoint(installation.home, "local").get("resources") or []
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


def test_a_key_that_neon_does_not_accept_is_named(failing: Installation, neon: Neon) -> None:
    faults.plan(neon.store, "neon", Fault("POST", PROJECTS, 401, "authorization failed"))
    refused = up(failing, code=1)
    assert "Neon refused database-project: authorization failed (HTTP 401)." in refused.err
    assert "pulumi config set --secret bulwark:neon_api_key" in refused.err


def test_a_busy_neon_is_asked_again_and_a_project_left_behind_is_told(
    failing: Installation, neon: Neon
) -> None:
    for fault in (
        Fault("POST", PROJECTS, 429, "Slow down.", {"Retry-After": "1"}),
        Fault("POST", PROJECTS, 423, "Busy."),
        Fault("GET", f"{PROJECTS}/.*/reveal_password", 500),
    ):
        faults.plan(neon.store, "neon", fault)
    done = up(failing)
    (left,) = projects(neon) - known(failing)
    assert f"bulwark: Neon has {left} named example-twin, which this stack does not know." in done.err
    neon.delete("project", left)
    again = failing.bulwark("preview", "--json")
    assert again.json["steps"] == []
    assert projects(neon) == known(failing)


def test_a_role_that_is_there_already_is_not_made_twice(deployed: Installation, neon: Neon) -> None:
    (project,) = known(deployed)
    where = {"projectId": project, "branchId": neon.default_branch(project)}
    role, _ = neon.create("role", {**where, "name": "taken"})
    deployed.edit("Pulumi.local.yaml", "backup_role: platform_backup", "backup_role: taken")
    try:
        refused = up(deployed, code=1)
    finally:
        deployed.edit("Pulumi.local.yaml", "backup_role: taken", "backup_role: platform_backup")
    assert "Neon refused database-role-backup" in refused.err
    assert "(HTTP 409)" in refused.err
    assert "adopt it by its id" in refused.err
    neon.delete("role", role)
    up(deployed)
    names = [found["name"] for found in neon.on(where["branchId"], "role").values()]
    assert sorted(names) == ["neondb_owner", "platform_app", "platform_backup", "platform_owner"], names


def test_more_than_the_plan_allows_is_refused_with_the_plan_and_changes_nothing(
    deployed: Installation, neon: Neon
) -> None:
    (project,) = known(deployed)
    before = neon.read("project", project)
    path = deployed.folder / "Pulumi.local.yaml"
    settings = path.read_text()
    deployed.edit("Pulumi.local.yaml", "plan: launch", "plan: scale")
    deployed.edit("Pulumi.local.yaml", "history_retention_hours: 168", "history_retention_hours: 336")
    try:
        refused = up(deployed, code=1)
    finally:
        path.write_text(settings)
    assert "on the launch plan" in refused.err
    assert "ask for less in the stack's settings, or for more at Neon" in refused.err
    assert neon.read("project", project) == before


def test_a_role_that_somebody_deleted_shows_on_refresh_and_is_made_again(
    deployed: Installation, neon: Neon
) -> None:
    (project,) = known(deployed)
    branch = neon.default_branch(project)
    neon.delete("role", f"{project}/{branch}/platform_backup")
    seen = deployed.bulwark("refresh", "--json")
    assert [(step["op"], name_of(step["urn"])) for step in seen.json["steps"]] == [
        ("delete", "database-role-backup")
    ]
    assert deployed.bulwark("refresh", "--accept").code == 0
    up(deployed)
    assert neon.read("role", f"{project}/{branch}/platform_backup")
