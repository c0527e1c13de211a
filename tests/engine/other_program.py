"""Other programs, with single components and without Platform. test_components_alone runs them."""

import json
import os
import runpy
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pulumi
import pulumi.automation as auto
import pulumi_neon

from components.database import Database, DatabaseArgs

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def database() -> None:
    """Declare a database and nothing else."""
    vendor = pulumi_neon.Provider("vendor")
    orders = Database(
        "orders",
        DatabaseArgs(
            plan="launch",
            organization="org-other-00000000",
            project="other",
            region="aws-eu-central-1",
            database="orders",
            history_retention_hours=24,
            protect_default_branch=False,
            protect=False,
        ),
        opts=pulumi.ResourceOptions(provider=vendor),
    )
    pulumi.export("url", orders.application_uri)


def run_example(name: str) -> None:
    """Run the program of an example."""
    runpy.run_path(str(_CHECKOUT / "examples" / name / "__main__.py"), run_name="__main__")


def main(program: str, secrets: Mapping[str, str]) -> None:
    """
    Deploy with the policies on, and print the resources and the outputs as JSON.

    Destroy all of it, but a vault: nobody who deploys it can.
    """
    stack = auto.create_or_select_stack(
        program,
        project_name="other",
        # Inline: the language host of a program in a folder comes with Pulumi's own installer alone.
        program=database if program == "database" else partial(run_example, program),
        opts=auto.LocalWorkspaceOptions(secrets_provider="passphrase"),
    )
    for name, value in secrets.items():
        stack.set_config(name, auto.ConfigValue(value, secret=True))
    # A database alone is what the policies refuse.
    packs = [] if program == "database" else [str(_CHECKOUT / "policies")]
    settings = _CHECKOUT / "examples" / program / "policies.json"
    try:
        result = stack.up(
            on_output=sys.stderr.write,
            policy_packs=packs,
            policy_pack_configs=[str(settings)] if settings.exists() else None,
        )
        deployment = stack.export_stack().deployment or {}
        json.dump(
            {
                "types": sorted(resource["type"] for resource in deployment["resources"]),
                "secret": {name: output.secret for name, output in result.outputs.items()},
                "outputs": {name: output.value for name, output in result.outputs.items()},
            },
            sys.stdout,
        )
    finally:
        if program != "vault":
            stack.destroy(on_output=sys.stderr.write, remove=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(os.environ.get("SECRETS", "{}")))
