"""The production database, as the engine holds it."""

import pytest
from deployment import Deployment

ROLES = {
    "database-role-owner": "platform_owner",
    "database-role-application": "platform_app",
    "database-role-backup": "platform_backup",
}


def test_its_children_are_a_project_three_roles_and_a_database(production: Deployment) -> None:
    assert production.children("database") == {
        "database-project": "neon:index/project:Project",
        **dict.fromkeys(ROLES, "neon:index/role:Role"),
        "database-database": "neon:index/database:Database",
    }


def test_it_tells_policies_its_plan_and_where_it_lives(production: Deployment) -> None:
    assert production["database"].inputs == {
        "plan": "launch",
        "failureDomain": {"provider": "neon", "region": "aws-eu-central-1"},
    }
    assert production["database"].parent == "example"


def test_the_project_has_seven_days_of_history_and_a_protected_branch(production: Deployment) -> None:
    project = production["database-project"]
    assert project.inputs == {
        "name": "example-production",
        "orgId": "org-example-00000000",
        "regionId": "aws-eu-central-1",
        "pgVersion": 17,
        "historyRetentionSeconds": 7 * 24 * 3600,
        "defaultBranchProtected": True,
        "storePassword": "yes",
        "defaultEndpointSettings": {
            "autoscalingLimitMinCu": 0.25,
            "autoscalingLimitMaxCu": 2,
            "suspendTimeoutSeconds": 0,
        },
        "quota": {
            "computeTimeSeconds": 500 * 3600,
            "writtenDataBytes": 0,
            "dataTransferBytes": 0,
            "logicalSizeBytes": 50_000_000_000,
        },
    }
    assert project.dependencies == set()


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
    database = production["database-database"]
    assert database.inputs["name"] == "platform"
    assert database.inputs["ownerName"] == "platform_owner"
    assert database.property_dependencies == {
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
        url: str = shown[f"{purpose}_database_url"]
        assert url.startswith(f"postgresql://{users[purpose]}:")
        assert url.endswith(f"@{host}/platform?sslmode=verify-full&sslrootcert=system")
