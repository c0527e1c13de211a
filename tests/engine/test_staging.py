"""Staging beside production, in the same accounts and organizations of one twin."""

import pytest
from deployment import Deployment, Resource

pytestmark = pytest.mark.shares("production")

SHARED = {"backups-identity-github", "backups-replica-identity-github", "errors-team"}
"""What an account has only one of: staging references production's."""


def list_things(deployment: Deployment) -> dict[tuple[str, str], Resource]:
    """Return what a stack has at the vendors, by type and id."""
    # What its provider gives no id has this one (docs/provider-quirks.md).
    return {
        (resource.type, resource.id): resource
        for resource in deployment.custom()
        if resource.id != "missing ID"
    }


def test_staging_stands_beside_production_and_goes_without_touching_it(production: Deployment) -> None:
    installation = production.installation
    up = installation.bulwark("up", "--stack", "staging", "--twin")
    assert up.code == 0, up.text[-3_000:]
    staging = list_things(Deployment(installation, "staging"))
    both = staging.keys() & list_things(production).keys()
    assert {staging[thing].name for thing in both} == SHARED
    assert {one.name for one in staging.values() if one.option("external")} == SHARED
    assert not any(resource.protected for resource in staging.values())
    unchanged = "`up` would do: nothing."
    assert unchanged in installation.bulwark("preview", "--stack", "prod", "--twin").text
    gone = installation.bulwark("destroy", "--stack", "staging", "--twin", "--yes")
    assert gone.code == 0, gone.text[-3_000:]
    assert unchanged in installation.bulwark("preview", "--stack", "prod", "--twin").text
