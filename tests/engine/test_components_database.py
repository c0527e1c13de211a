"""The production database, as the engine holds it."""

import re

import psycopg
import pytest
from deployment import Deployment

from twin.host.database_address import reach_database

pytestmark = pytest.mark.shares("production")

ROLES = {
    "database-role-owner": "platform_owner",
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


def test_the_applications_role_is_made_by_the_owner_and_its_secrets_are_encrypted(
    production: Deployment,
) -> None:
    role = production["database-role-application"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+/platform_app", role.id)
    assert role.property_dependencies["owner_uri"] == {
        "database-project",
        "database-role-owner",
        "database-database",
    }
    [stored] = [
        one for one in production.installation.resources("prod") if one["urn"].endswith("::" + role.name)
    ]
    for values, names in ((stored["inputs"], ["owner_uri"]), (stored["outputs"], ["owner_uri", "password"])):
        assert all("ciphertext" in values[name] for name in names)


def test_the_applications_role_may_sign_in_and_nothing_else(production: Deployment) -> None:
    shown = production.installation.bulwark(
        "outputs", "--stack", "prod", "--twin", "--json", "--show-secrets"
    ).json
    with psycopg.connect(reach_database(shown["database_urls"]["database"]["application"])) as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
            " pg_has_role('pg_write_all_data', 'MEMBER') FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False)


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
