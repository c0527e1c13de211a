"""A component's arguments refuse what is known to be wrong, before anything is declared."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "refused_arguments.py"


def test_arguments_that_are_wrong_are_refused_with_the_cause() -> None:
    ended = subprocess.run(
        [sys.executable, "-P", str(PROGRAM)], capture_output=True, text=True, timeout=60, check=True
    )
    causes = json.loads(ended.stdout)
    assert "every night" in causes.pop("no cron expression")
    assert causes == {
        "vaults in one region": "both vaults are in eu-west-1; a lost region would take both",
        "vaults of two platforms": "the vaults are of shop and of other",
        "a lock that outlasts its tier": "files_days is shorter than the lock of 31 days",
        "a tier that ends before the lock": "database_daily_days is shorter than the lock of 30 days",
        "one role twice": "owner, application and backup need a role each",
        "reversed bounds": "compute.maximum_units is below compute.minimum_units",
        "a route to nowhere": "sev1 is to reach chat, which is no channel",
        "jobs of no service": "shop has no project",
        "a level that calls no schedule": "urgent is to call nights, which is no schedule",
        "a service of no policy": "oncall is to escalate by urgent, which there is not",
        "nothing wrong": None,
    }
