"""The production database, as the engine holds it."""

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

ROLES = {
    "database-role-owner": "platform_owner",
    "database-role-application": "platform_app",
    "database-role-backup": "platform_backup",
}


@pytest.mark.parametrize(("name", "role"), ROLES.items())
def test_each_role_is_on_the_default_branch(production: Deployment, name: str, role: str) -> None:
    project = production["database-project"]
    assert production[name].inputs == {
        "name": role,
        "projectId": project.id,
        "branchId": project.outputs["defaultBranchId"],
    }
    assert production[name].property_dependencies == {
        "projectId": {"database-project"},
        "branchId": {"database-project"},
    }


def test_the_database_belongs_to_the_owner_role(production: Deployment) -> None:
    assert production["database-database"].property_dependencies == {
        "projectId": {"database-project"},
        "branchId": {"database-project"},
        "ownerName": {"database-role-owner"},
    }


def test_connection_strings_demand_a_verified_server_and_only_the_application_pools(
    production: Deployment,
) -> None:
    shown = production.installation.bulwark(
        "outputs", "--stack", "prod", "--twin", "--json", "--show-secrets"
    ).json
    project = production["database-project"].outputs
    hosts = {
        "owner": project["databaseHost"],
        "backup": project["databaseHost"],
        "application": project["databaseHostPooler"],
    }
    users = {"owner": "platform_owner", "backup": "platform_backup", "application": "platform_app"}
    for purpose, host in hosts.items():
        url: str = shown["database_urls"]["database"][purpose]
        assert url.startswith(f"postgresql://{users[purpose]}:")
        assert url.endswith(f"@{host}/platform?sslmode=verify-full&sslrootcert=system")
