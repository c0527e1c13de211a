"""A policy pack's process does without the Automation API, until somebody asks for it."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import pulumi

print(sys.argv[1:], "pulumi.automation._local_workspace" in sys.modules)
print(pulumi.automation.LocalWorkspace.__name__, "pulumi.automation._local_workspace" in sys.modules)
"""


def test_the_automation_api_is_imported_when_it_is_used_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, "-m", "toolchain.sdk_process", "program", "127.0.0.1:1", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ended.stdout.splitlines() == ["['127.0.0.1:1', '.'] False", "LocalWorkspace True"]
