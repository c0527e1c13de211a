"""Previews one of two toy programs with the pack on: `python toy_preview.py FOLDER protected|unprotected`."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

from toolchain.engine import search_path

_PACK = Path(__file__).parents[2] / "policies"
_PROVIDER = Path(__file__).with_name("toy_provider.py")
REFUSED = 3
"""Exit code of a run that the engine refused."""

_API = "https://api.example.com"


class Component(pulumi.ComponentResource):
    """Publishes facts as inputs and then registers outputs, after which a stack policy sees only those."""

    def __init__(self, kind: str, name: str, facts: dict[str, Any]) -> None:
        super().__init__(kind, name, facts)
        self.register_outputs({"made": True})


def unprotected() -> None:
    """Declare a store that no job protects, and an endpoint that nobody watches."""
    project = pulumi.CustomResource("neon:index/project:Project", "project", {"regionId": "eu"})
    Component("bulwark:index:Platform", "platform", {"endpoints": [{"url": _API, "critical": True}]})
    # A backup of something else, although its title is made from the store.
    Component("bulwark:index:ScheduledJob", "job", {"protects": ["files"], "title": project.urn})


def protected() -> None:
    """Declare both with what they need; the ids between them are unknown in a preview."""
    project = pulumi.CustomResource("neon:index/project:Project", "project", {"regionId": "eu"})
    Component("bulwark:index:Platform", "platform", {"endpoints": [{"url": _API, "critical": True}]})
    job = Component(
        "bulwark:index:ScheduledJob",
        "job",
        {
            "protects": [project.urn],
            "copies": [{"provider": "aws", "region": "eu-west-1"}],
            "schedule": "17 2 * * *",
            "retentionDays": 35,
        },
    )
    person = pulumi.CustomResource(
        "uptimerobot:index/alertContact:AlertContact",
        "person",
        {"isActive": True, "notificationEvents": "down", "value": pulumi.Output.secret("me@example.com")},
    )
    told = {"assignedAlertContacts": [{"alertContactId": person.id}], "isPaused": False}
    kind = "uptimerobot:index/monitor:Monitor"
    pulumi.CustomResource(kind, "beat", {"type": "HEARTBEAT", **told}, pulumi.ResourceOptions(parent=job))
    pulumi.CustomResource(kind, "health", {"type": "HTTP", "url": f"{_API}/health", **told})


def main(folder: Path, program: str) -> None:
    """Run the engine with a home and a backend of its own."""
    for vendor in ("neon", "uptimerobot"):
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
    programs = {"protected": protected, "unprotected": unprotected}
    stack = automation.create_or_select_stack("toy", "toy", programs[program], opts=options)
    try:
        stack.preview(policy_packs=[str(_PACK)], on_output=print)
    except automation.CommandError:
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
