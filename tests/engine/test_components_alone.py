"""A component works in somebody else's program, without the rest of this one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment

from engine import stack_target, twin
from toolchain.engine import search_path

PROGRAM = Path(__file__).parent / "other_program.py"
ROOT = "pulumi:pulumi:Stack"
MONITOR = "uptimerobot:index/monitor:Monitor"


@pytest.mark.parametrize(
    ("program", "types", "secret"),
    [
        (
            "database",
            [
                "bulwark:index:Database",
                "neon:index/database:Database",
                "neon:index/project:Project",
                *["neon:index/role:Role"] * 3,
                "pulumi:providers:neon",
                ROOT,
            ],
            {"url": True},
        ),
        (
            "watching",
            [
                "bulwark:index:Alerting",
                "bulwark:index:Uptime",
                "pulumi:providers:uptimerobot",
                ROOT,
                "uptimerobot:index/alertContact:AlertContact",
                *[MONITOR] * 3,
                "uptimerobot:index/monitorGroup:MonitorGroup",
                "uptimerobot:index/psp:Psp",
            ],
            {},
        ),
    ],
)
def test_a_component_is_used_by_itself(
    production: Deployment, program: str, types: list[str], secret: dict[str, Any]
) -> None:
    home = production.installation.home
    settings = stack_target.find("prod", on_twin=True).settings
    ended = subprocess.run(
        [sys.executable, "-P", str(PROGRAM), program],
        env=os.environ | twin.engine_environment(home, settings) | {"PATH": search_path()},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    assert json.loads(ended.stdout) == {"types": types, "secret": secret}
