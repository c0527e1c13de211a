"""
Makes arguments that are known to be wrong, and prints the cause of each refusal as JSON; None: it was taken.

A program of its own: the SDKs of the providers take a second, and warn of what they deprecate.
"""

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from components.alerting import AlertingArgs
from components.backups import BackupsArgs
from components.channels import EmailChannel
from components.database import DatabaseArgs
from components.errors import ErrorsArgs
from components.neon import ComputeUnits
from components.oncall import Escalation, EscalationLevel, OnCallArgs, PagedService
from components.scheduled_job import ScheduledJobArgs
from components.vault import RetentionDays, VaultRules
from components.vault_names import VaultNames

_vault = VaultNames.of("shop", "123456789012", "eu-west-1")
_database = partial(
    DatabaseArgs,
    plan="launch",
    organization="org-shop",
    region="aws-eu-central-1",
    project="shop",
    database="shop",
    history_retention_hours=24,
)
_job = partial(
    ScheduledJobArgs, title="Backup", longest_run_minutes=30, lateness_minutes=60, retention_days=35
)

CASES: Final[Mapping[str, Callable[[], object]]] = {
    "vaults in one region": lambda: BackupsArgs(_vault, VaultNames.of("shop", "210987654321", "eu-west-1")),
    "vaults of two platforms": lambda: BackupsArgs(
        _vault, VaultNames.of("other", "210987654321", "eu-north-1")
    ),
    "a lock that outlasts its tier": lambda: VaultRules(lock_days=31),
    "a tier that ends before the lock": lambda: VaultRules(retention=RetentionDays(database_daily_days=7)),
    "one role twice": lambda: _database(application_role="platform_owner"),
    "reversed bounds": lambda: _database(compute=ComputeUnits(2, 1)),
    "no cron expression": lambda: _job(schedule="every night"),
    "a route to nowhere": lambda: AlertingArgs(
        {"mail": EmailChannel("team@example.com")}, {"sev1": ["mail", "chat"]}
    ),
    "jobs of no service": lambda: ErrorsArgs("example", "team", "Team", projects={}, jobs_service="shop"),
    "a level that calls no schedule": lambda: OnCallArgs(
        "shop", {}, {"urgent": Escalation([EscalationLevel(5, ["nights"])])}, {}
    ),
    "a service of no policy": lambda: OnCallArgs("shop", {}, {}, {"oncall": PagedService("shop", "urgent")}),
    "nothing wrong": lambda: (_database(), _job(schedule="17 2 * * *"), VaultRules()),
}


def find_cause(make: Callable[[], object]) -> str | None:
    """Return why the arguments are refused."""
    try:
        make()
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    json.dump({name: find_cause(make) for name, make in CASES.items()}, sys.stdout)
