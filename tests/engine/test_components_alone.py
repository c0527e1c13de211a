"""A component works in another program, without the rest of this one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

PROGRAM = Path(__file__).parent / "other_program.py"
ROOT = "pulumi:pulumi:Stack"
MONITOR = "uptimerobot:index/monitor:Monitor"


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize(
    ("program", "types", "secret"),
    [
        (
            "database",
            [
                "bulwark:index:Database",
                "neon:index/database:Database",
                "neon:index/project:Project",
                *["neon:index/role:Role"] * 2,
                "pulumi-python:dynamic/bulwark:ApplicationRole",
                "pulumi:providers:neon",
                "pulumi:providers:pulumi-python",
                ROOT,
            ],
            {"url": True},
        ),
        (
            "uptime",
            [
                "bulwark:index:Alerting",
                "bulwark:index:Uptime",
                "pulumi:providers:uptimerobot",
                ROOT,
                "uptimerobot:index/alertContact:AlertContact",
                *[MONITOR] * 2,
                "uptimerobot:index/monitorGroup:MonitorGroup",
                "uptimerobot:index/psp:Psp",
            ],
            {"status_page": False},
        ),
        (
            "sentry",
            [
                "bulwark:index:Alerting",
                "bulwark:index:Errors",
                "pulumi:providers:sentry",
                ROOT,
                *["sentry:index/alert:Alert"] * 5,
                "sentry:index/key:Key",
                *["sentry:index/metricMonitor:MetricMonitor"] * 2,
                "sentry:index/project:Project",
                "sentry:index/projectOwnership:ProjectOwnership",
                "sentry:index/projectSpikeProtection:ProjectSpikeProtection",
                "sentry:index/team:Team",
            ],
            {"dsns": True},
        ),
    ],
)
def test_a_component_can_be_used_without_the_platform(
    production: Deployment, program: str, types: list[str], secret: dict[str, Any]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", str(PROGRAM), program],
        env=production.installation.engine_environment("prod"),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    deployed = json.loads(ended.stdout)
    assert (deployed["types"], deployed["secret"]) == (types, secret)
