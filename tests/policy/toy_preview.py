"""Previews a program of someone else with the pack on: `python toy_preview.py FOLDER foreign|empty`."""

import os
import shlex
import sys
from pathlib import Path

import pulumi
from pulumi import automation

from toolchain.engine import search_path

_PACK = Path(__file__).parents[2] / "policies"
_PROVIDER = Path(__file__).with_name("toy_provider.py")
REFUSED = 3
"""Exit code of a run that the engine refused."""


def foreign() -> None:
    """Declare what a program that knows nothing of backups may hold, on default providers."""
    pulumi.CustomResource("aws:s3/bucketV2:BucketV2", "uploads", {"bucket": "uploads"})
    pulumi.CustomResource("aws:rds/instance:Instance", "orders", {"engine": "postgres"})
    pulumi.CustomResource("aws:iam/accessKey:AccessKey", "key", {"user": "deployer"})
    pulumi.CustomResource(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "everything",
        {"role": "deployer", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    )
    pulumi.CustomResource("aws:cloudwatch/metricAlarm:MetricAlarm", "slow", {"alarmActions": []})
    pulumi.CustomResource("vendor:index/strangeDatabase:StrangeDatabase", "strange", {})


def empty() -> None:
    """Declare nothing."""


def main(folder: Path, program: str) -> None:
    """Run the engine with a home and a backend of its own."""
    for vendor in ("aws", "vendor"):
        plugin = folder / f"home/plugins/resource-{vendor}-v1.0.0/pulumi-resource-{vendor}"
        plugin.parent.mkdir(parents=True)
        plugin.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(_PROVIDER)])} "$@"\n')
        plugin.chmod(0o755)
    os.environ["PATH"] = search_path()  # the Automation API looks for the CLI there, whatever it is given
    backend = automation.ProjectBackend(f"file://{folder}")
    options = automation.LocalWorkspaceOptions(
        pulumi_home=str(folder / "home"),
        project_settings=automation.ProjectSettings("toy", "python", backend=backend),
        env_vars={
            "PULUMI_CONFIG_PASSPHRASE": "toy",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
    )
    programs = {"foreign": foreign, "empty": empty}
    # Named like a stack of this repository, whose configuration is no business of another project.
    stack = automation.create_or_select_stack("local", "toy", programs[program], opts=options)
    try:
        stack.preview(policy_packs=[str(_PACK)], on_output=print)
    except automation.CommandError:
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
