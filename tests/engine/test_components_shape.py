"""What holds for the whole production stack: names, providers, protection, secrets, outputs, golden list."""

import json
import os
import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from deployment import Deployment, is_secret, name_of

from twin.vendor.store import VendorStore

pytestmark = pytest.mark.shares("production")

GOLDEN = Path(__file__).parent / "golden" / "production.txt"
ACCEPT = "BULWARK_ACCEPT_GOLDEN"
VENDORS = ("neon", "uptimerobot", "sentry", "railway", "vercel")
"""Of the bridged providers."""

APPLICATION_ROLE = "pulumi-python:dynamic/bulwark:ApplicationRole"

NAMED_BY = {
    "aws:kms/key:Key": "description",  # a key has no name; its alias does
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "url",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretId",
    "aws:cloudwatch/eventTarget:EventTarget": "targetId",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": "roleName",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "roleName",
    "railway:index/variableCollection:VariableCollection": "serviceId",
    "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable": "key",
    "sentry:index/projectSpikeProtection:ProjectSpikeProtection": "project",
    "sentry:index/projectOwnership:ProjectOwnership": "project",
    "sentry:index/integrationPagerduty:IntegrationPagerduty": "service",
}
"""The input that identifies a resource at its vendor, where that is neither `name` nor `bucket`."""


def tree(production: Deployment) -> str:
    """List the resources below their components, sorted: logical name and type."""
    lines: list[str] = []

    def below(parent: str, depth: int) -> None:
        for name, kind in sorted(production.children(parent).items()):
            lines.append(f"{'  ' * depth}{name}  ({kind})")
            below(name, depth + 1)

    for root in ("bulwark-administrator-prod", "bulwark-prod"):
        lines.append(root)
        below(root, 1)
    return "\n".join(lines) + "\n"


def test_no_resource_was_renamed_added_or_removed_unnoticed(production: Deployment) -> None:
    found = tree(production)
    if os.environ.get(ACCEPT):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text(), (
        "The stack has other resources than golden/production.txt. A rename deletes and creates at the "
        f"vendor: give it an alias. If all of it is wanted: {ACCEPT}=1 ./bulwark test -- -k unnoticed"
    )


def test_every_logical_name_is_used_once(production: Deployment) -> None:
    names = Counter(name_of(raw["urn"]) for raw in production.installation.resources("prod"))
    assert [name for name, count in names.items() if count > 1] == []


def test_production_is_more_than_sixty_resources(production: Deployment) -> None:
    assert len(production.resources) >= 60


def test_every_resource_has_one_of_the_explicit_providers(production: Deployment) -> None:
    providers = {
        found.name for found in production.resources.values() if found.type.startswith("pulumi:providers:")
    }
    # The engine makes the one of a resource that is programmed in Python.
    assert providers == {*VENDORS, "pagerduty", "aws", "aws-primary", "aws-replica", "default"}
    assert {found.provider for found in production.custom()} == providers


def test_every_policy_document_is_known_before_anything_exists(production: Deployment) -> None:
    documents = [
        (found, name)
        for found in production.custom()
        for name in ("policy", "assumeRolePolicy")
        if name in found.inputs
    ]
    # Six buckets', four topics', three keys' and three documents', of each of 14 roles what it may do and
    # who may assume it, and two boundaries.
    assert len(documents) == 6 + 4 + 3 + 3 + 2 * 14 + 2
    assert [found.name for found, name in documents if name in found.property_dependencies] == []


def test_each_resource_goes_through_the_provider_of_its_type(production: Deployment) -> None:
    for found in production.custom():
        expected = "default" if found.type == APPLICATION_ROLE else found.type.split(":")[0]
        assert found.provider.partition("-")[0] == expected, found.name


def test_providers_are_pinned_and_configured_from_the_settings(production: Deployment) -> None:
    versions = {
        name: production[name].inputs["version"]
        for name in (*VENDORS, "pagerduty", "aws", "aws-primary", "aws-replica")
    }
    # Of a bridged provider the engine keeps the bridge's version here; its own is in the parameter.
    assert versions == {
        **dict.fromkeys(VENDORS, "1.1.3"),
        "pagerduty": "4.37.0",
        "aws": "7.51.1",
        "aws-primary": "7.51.1",
        "aws-replica": "7.51.1",
    }
    assert production["aws-replica"].inputs["profile"] == "example-replica"
    for name, region, account in (
        ("aws", "eu-west-1", "123456789012"),
        ("aws-primary", "eu-west-1", "123456789012"),
        ("aws-replica", "eu-north-1", "210987654321"),
    ):
        inputs = production[name].inputs
        assert inputs["region"] == region
        assert json.loads(inputs["allowedAccountIds"]) == [account]
        assert json.loads(inputs["defaultTags"]) == {
            "tags": {"Project": "example", "Environment": "production", "ManagedBy": "pulumi"}
        }


def test_every_aws_resource_that_can_have_tags_has_the_default_ones(production: Deployment) -> None:
    tagged = [found for found in production.custom() if "tagsAll" in found.outputs]
    assert Counter(found.type for found in tagged) == {
        "aws:cloudtrail/trail:Trail": 2,
        "aws:cloudwatch/eventRule:EventRule": 8,
        "aws:s3/bucket:Bucket": 6,
        "aws:sns/topic:Topic": 4,
        "aws:kms/key:Key": 3,
        "aws:secretsmanager/secret:Secret": 3,
        "aws:iam/role:Role": 14,
        "aws:iam/policy:Policy": 2,
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": 2,
    }
    for found in tagged:
        assert found.outputs["tagsAll"] == {
            "Project": "example",
            "Environment": "production",
            "ManagedBy": "pulumi",
        }


def test_every_physical_name_is_explicit(production: Deployment) -> None:
    for found in production.custom():
        key = NAMED_BY.get(found.type) or ("bucket" if found.type.startswith("aws:s3") else "name")
        assert found.inputs.get(key), f"{found.name} has no {key}"
        assert not re.search(r"-[0-9a-f]{7}$", str(found.inputs[key])), found.name


def test_what_holds_data_and_what_guards_it_is_protected_and_nothing_else(production: Deployment) -> None:
    """The engine's own `destroy` asks no program, and deletes whatever is not protected."""
    guards = {
        found.name
        for found in production.resources.values()
        if found.type.startswith("aws:s3/bucket") and found.type != "aws:s3/bucket:Bucket"
    } | {"backups-vault-key-alias", "backups-replica-key-alias"}
    assert {found.name for found in production.resources.values() if found.protected} - guards == {
        "database-project",
        "database-role-owner",
        "database-role-application",
        "database-role-backup",
        "database-database",
        "backups-vault-bucket",
        "backups-vault-key",
        "backups-vault-access-log-bucket",
        "backups-replica-bucket",
        "backups-replica-key",
        "backups-replica-access-log-bucket",
        "backups-trail-bucket",
        "backups-replica-trail-bucket",
        "backups-documents-key",
    }
    assert [name for name in guards if not production[name].protected] == []


def test_no_setting_of_a_bucket_met_another_one(production: Deployment) -> None:
    """The provider would repeat it, minutes long; BucketSettings makes one after the other."""
    settings = re.findall(
        r"(?:PUT|DELETE) /[\w.-]+\?\S* +(\d+)", (production.installation.home.logs / "aws.log").read_text()
    )
    assert len(settings) > 20
    assert "409" not in settings


def test_changes_are_ignored_only_where_the_vendor_makes_them(production: Deployment) -> None:
    ignoring = {
        found.name: found.option("ignoreChanges")
        for found in production.resources.values()
        # Those of buckets are in test_bucket_settings.py.
        if found.option("ignoreChanges") and not found.name.endswith("-bucket")
    }
    assert ignoring == {
        "database-project": ["branch"],
        "errors-backend-project": ["defaultKey", "defaultRules"],
        "errors-frontend-project": ["defaultKey", "defaultRules"],
    }


def test_inputs_that_the_provider_can_not_change_replace_the_resource(production: Deployment) -> None:
    replacing = {
        found.name: found.option("replaceOnChanges")
        for found in production.resources.values()
        if found.option("replaceOnChanges")
    }
    assert replacing == {
        "errors-backend-project": ["organization"],
        "errors-frontend-project": ["organization"],
        "alerting-oncall": ["type"],
        "alerting-incidents": ["type"],
        "alerting-automation": ["type"],
    }


def test_the_stack_has_these_outputs_and_those_with_credentials_are_secret(production: Deployment) -> None:
    outputs = production.outputs
    shape = {
        name: {key: is_secret(inner) for key, inner in value.items()}
        if isinstance(value, dict) and not is_secret(value)
        else is_secret(value)
        for name, value in outputs.items()
    }
    assert shape == {
        "database_urls": True,
        "database_hosts": {"database": False},
        "database_projects": {"database": False},
        "stores": {"database": False, "files": False},
        "file_sources": True,
        "vault": False,
        "vault_replica": False,
        "role_documents": {"backup-writer": False, "copier": False, "driller": False},
        "writer_role": False,
        "state_writer_role": False,
        "restorer_role": False,
        "driller_role": False,
        "state_driller_role": False,
        "copier_role": False,
        "planner_role": False,
        "deployer_role": False,
        "break_glass_role": False,
        "error_dsns": True,
        "checkin_urls": True,
        "heartbeat_urls": True,
        "status_page": False,
        "protection": False,
        "readme": False,
    }
    assert outputs["vault"] == "example-vault-123456789012-eu-west-1"
    assert outputs["vault_replica"] == "example-vault-210987654321-eu-north-1"
    assert outputs["writer_role"] == "arn:aws:iam::123456789012:role/example-backup-writer"
    assert outputs["restorer_role"] == "arn:aws:iam::123456789012:role/example-backup-restorer"
    assert outputs["deployer_role"] == "arn:aws:iam::123456789012:role/example-deployer"


def test_outputs_that_the_vendors_leave_in_clear_are_marked_as_secret(production: Deployment) -> None:
    marked = {
        "alerting-oncall-service": "integrationKey",
        "oncall-oncall-sentry": "integrationKey",
        "oncall-oncall-uptimerobot": "integrationKey",
        "job-database-heartbeat": "url",
        "job-files-heartbeat": "url",
        "job-drill-heartbeat": "url",
        "errors-backend-key": "dsnPublic",
        "errors-frontend-key": "dsnPublic",
    }
    for name, output in marked.items():
        assert output in production[name].option("additionalSecretOutputs")
        assert is_secret(production[name].outputs[output])


def test_the_engine_has_kept_no_log_of_what_it_was_given(production: Deployment) -> None:
    assert (production.installation.home.pulumi / "logs").read_bytes() == b""


def test_no_secret_is_readable_in_the_state(production: Deployment) -> None:
    installation = production.installation
    shown = installation.bulwark("outputs", "--stack", "prod", "--twin", "--json", "--show-secrets").json
    urls = [shown["database_urls"]["database"][role] for role in ("application", "backup", "owner")]
    passwords = [urlsplit(url).password or "" for url in urls]
    heartbeats = [*shown["heartbeat_urls"].values(), *shown["checkin_urls"].values()]
    drawn = json.loads((installation.home.root / "secrets.json").read_text())
    # The prefix of every hook address; the heartbeats have one of their own.
    with closing(VendorStore(installation.home.vendors)) as store:
        integrations = store.list("pagerduty", "serviceIntegration").values()
    drawn |= {one["name"]: one["integrationKey"] for one in integrations}
    hooks = [f"/inbox/{channel}" for channel in ("incidents", "automation")]
    planted = [*urls, *passwords, *heartbeats, *shown["error_dsns"].values(), *drawn.values(), *hooks]
    assert len(planted) >= 3 + 3 + 3 + 3 + 2 + 4 + 2 + 2
    assert all(len(value) >= 10 for value in planted)
    state = json.dumps(installation.state("prod"))
    assert [position for position, value in enumerate(planted) if value in state] == []


def test_a_second_preview_shows_no_change(production: Deployment) -> None:
    seen = production.installation.bulwark("preview", "--stack", "prod", "--twin", "--json")
    assert seen.code == 0
    assert (seen.json["steps"], seen.json["violations"]) == ([], [])


def test_nothing_differs_at_the_vendors_after_up(production: Deployment) -> None:
    assert production.installation.bulwark("refresh", "--stack", "prod", "--twin").code == 0
