"""A setting that would replace the database shows as a replacement, and production refuses it."""

from collections.abc import Iterator

import pytest
from deployment import Deployment

from twin.neon.model import Neon

pytestmark = pytest.mark.shares("production")


@pytest.fixture(
    params=[
        ("region: aws-eu-central-1", "region: aws-us-east-1", "regionId"),
        ("organization: org-example-00000000", "organization: org-other-00000000", "orgId"),
    ],
    ids=lambda change: change[2],
)
def replaced_input(request: pytest.FixtureRequest, production: Deployment) -> Iterator[str]:
    """Change a setting that Neon can't change in place; give the input that it becomes."""
    path = production.installation.folder / "Pulumi.prod.yaml"
    before = path.read_text()
    old, new, changed = request.param
    production.installation.edit("Pulumi.prod.yaml", old, new)
    yield changed
    path.write_text(before)


@pytest.mark.matrix(sample=1)
def test_a_replacement_of_the_database_is_shown_and_refused(
    production: Deployment, replaced_input: str
) -> None:
    installation = production.installation
    resources = installation.resources("prod")
    projects = Neon(installation.home).store.list("neon", "project")

    refused = installation.bulwark("up", "--stack", "prod", "--twin", "--yes")

    assert refused.code != 0
    shown = [line for line in refused.out.splitlines() if "database-project" in line and "replace" in line]
    assert [line for line in shown if line.lstrip().startswith("+-") and replaced_input in line], shown
    assert "unable to replace resource" in refused.text
    assert installation.resources("prod") == resources
    assert Neon(installation.home).store.list("neon", "project") == projects


def test_destroying_a_stack_with_protected_resources_deletes_nothing(production: Deployment) -> None:
    installation = production.installation
    resources = installation.resources("prod")
    refused = installation.bulwark("destroy", "--stack", "prod", "--twin", "--yes")
    assert refused.code == 1
    assert "backups-vault-key" in refused.err
    assert "backups-vault-policy" not in refused.err, "one screen names what holds data"
    assert "./bulwark pulumi --administrator state unprotect --all --stack prod" in refused.err
    assert installation.resources("prod") == resources
