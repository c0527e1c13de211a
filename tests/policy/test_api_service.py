"""The declared service's project gets the jobs' reports, whatever the services are called."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from installations import Installation

_HERE = Path(__file__).parent


def record(installation: Installation, file: Path) -> dict[str, dict[str, Any]]:
    """Return what production's program declares on a first preview, by name."""
    environment = installation.environment | {
        "PYTHONPATH": os.pathsep.join((str(installation.folder), str(_HERE))),
        "BULWARK_RECORDING": str(file),
    }
    ended = subprocess.run(
        [sys.executable, "-P", _HERE / "preview_process.py"],
        cwd=installation.folder,
        env=environment,
        input=json.dumps({"mutations": [], "pack": str(_HERE / "recorder")}) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return {resource["name"]: resource for resource in json.loads(file.read_text())}


def test_the_declared_service_gets_the_reports_of_jobs_whatever_names_sort_first(
    installation: Installation, tmp_path: Path
) -> None:
    # The engine hands settings over with sorted keys: the browser's service comes first.
    for before, after in (
        ("jobs_service: backend", "jobs_service: server"),
        ("    backend:\n", "    server:\n"),
        ("    frontend:\n", "    client:\n"),
    ):
        installation.edit("Pulumi.prod.yaml", before, after)
    declared = record(installation, tmp_path / "recording.json")
    monitors = ["errors-server-check-health", *(name for name in declared if name.endswith("-cron"))]
    assert len(monitors) == 6
    for name in monitors:
        assert declared[name]["made_from"]["project"] == ["errors-server-project"], name
