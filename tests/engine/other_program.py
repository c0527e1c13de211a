"""Another team's program, with single components and without Platform. test_components_alone runs it."""

import json
import sys

import pulumi
import pulumi.automation as auto
import pulumi_neon
import pulumi_uptimerobot

from components.alerting import Alerting
from components.database import Database
from components.settings import AlertingSettings, DatabaseSettings, ServiceSettings, UptimeSettings
from components.uptime import Uptime

DATABASE = {
    "plan": "launch",
    "organization": "org-other-00000000",
    "project": "other",
    "region": "aws-eu-central-1",
    "database": "orders",
    "history_retention_hours": 24,
    "protect_default_branch": False,
}
ALERTING = {
    "channels": {"mail": {"type": "email", "address": "team@example.com"}},
    "routes": {"sev1": ["mail"]},
}
UPTIME = {
    "plan": "solo",
    "interval_seconds": 60,
    "regions": ["eu", "na"],
    "certificate_warning_days": [7],
    "status_page": "Other status",
}
SHOP = {
    "url": "https://shop.example.com",
    "checks": {"page": {"path": "/", "severity": "sev1"}, "cart": {"path": "/cart", "severity": "sev1"}},
}


def database() -> None:
    """Declare a database and nothing else."""
    vendor = pulumi_neon.Provider("vendor")
    orders = Database(
        "orders",
        DatabaseSettings.model_validate_json(json.dumps(DATABASE)),
        protect=False,
        opts=pulumi.ResourceOptions(provider=vendor),
    )
    pulumi.export("url", orders.application_uri)


def monitors() -> None:
    """Declare monitors and their alert channel; no Sentry, no secrets."""
    vendor = pulumi.ResourceOptions(provider=pulumi_uptimerobot.Provider("vendor"))
    alerting = Alerting(
        "people",
        AlertingSettings.model_validate_json(json.dumps(ALERTING)),
        has_uptimerobot=True,
        organization=None,
        targets={},
        opts=vendor,
    )
    Uptime(
        "site",
        UptimeSettings.model_validate_json(json.dumps(UPTIME)),
        platform="other",
        services={"shop": ServiceSettings.model_validate_json(json.dumps(SHOP))},
        alerting=alerting,
        opts=vendor,
    )


def main(program: str) -> None:
    """Deploy, print the resources and the outputs as JSON, and destroy all of it."""
    stack = auto.create_or_select_stack(
        program,
        project_name="other",
        program={"database": database, "watching": monitors}[program],
        opts=auto.LocalWorkspaceOptions(secrets_provider="passphrase"),
    )
    try:
        result = stack.up(on_output=sys.stderr.write)
        deployment = stack.export_stack().deployment or {}
        json.dump(
            {
                "types": sorted(resource["type"] for resource in deployment["resources"]),
                "secret": {name: output.secret for name, output in result.outputs.items()},
            },
            sys.stdout,
        )
    finally:
        stack.destroy(on_output=sys.stderr.write, remove=True)


if __name__ == "__main__":
    main(sys.argv[1])
