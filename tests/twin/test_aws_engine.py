"""The aws stand-in under the real engine: two regions, no second change, drift, and a clean end."""

import importlib
from collections.abc import Generator
from pathlib import Path

import pytest
from aws_twin import Service, running_service
from pulumi import automation as auto

from toolchain.engine import search_path
from twin.plugin_install import install_stand_ins


@pytest.fixture
def service(tmp_path: Path) -> Generator[Service]:
    with running_service(tmp_path) as service:
        install_stand_ins(service.home.pulumi)
        yield service


@pytest.fixture
def stack(service: Service, monkeypatch: pytest.MonkeyPatch) -> auto.Stack:
    home = service.home
    monkeypatch.setenv("PATH", search_path())
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
    settings = auto.ProjectSettings(name="aws-twin", runtime="python")
    environment = {
        "PULUMI_HOME": str(home.pulumi),
        "PULUMI_BACKEND_URL": f"file://{home.state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
    options = auto.LocalWorkspaceOptions(project_settings=settings, env_vars=environment)
    program = importlib.import_module("aws_program").program
    return auto.create_or_select_stack("test", "aws-twin", program, opts=options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pulumi_aws warns about itself when imported
def test_two_vaults_are_created_unchanged_by_a_preview_refreshed_and_destroyed(
    service: Service, stack: auto.Stack
) -> None:
    up = stack.up()
    assert up.outputs["replica"].value == "vault-eu-west-1.s3.eu-west-1.amazonaws.com"
    stack.preview(expect_no_changes=True)
    stack.refresh(expect_no_changes=True)
    aws = service.client("s3")
    aws.delete_bucket_policy(Bucket="vault-us-east-1")
    aws.put_bucket_encryption(
        Bucket="vault-us-east-1",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    drift = stack.refresh().summary.resource_changes or {}
    assert drift.items() >= {"delete": 1, "update": 1}.items()
    stack.up()
    assert aws.get_bucket_policy(Bucket="vault-us-east-1")
    stack.destroy()
    assert aws.list_buckets()["Buckets"] == []
