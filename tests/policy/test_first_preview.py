"""The pack in the real engine: what it refuses is refused on the first preview, before anything exists."""

import json
import subprocess
import sys
from pathlib import Path

import toy_preview


def preview(folder: Path, program: str) -> tuple[int, str]:
    """Return the engine's exit code and what it said."""
    ended = subprocess.run(
        [sys.executable, toy_preview.__file__, str(folder), program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    states = [json.loads(path.read_text()) for path in folder.glob(".pulumi/stacks/toy/*.json")]
    assert len(states) == 1, ended.stderr
    assert not (states[0]["checkpoint"]["latest"] or {}).get("resources")
    return ended.returncode, ended.stdout


def test_what_is_missing_is_refused_by_name_and_nothing_is_created(tmp_path: Path) -> None:
    code, said = preview(tmp_path, "unprotected")
    assert code == toy_preview.REFUSED
    assert "[mandatory] [severity: critical]  store-has-independent-backup" in said
    assert "project (Project) has no independent backup: no scheduled job" in said
    assert "[mandatory] [severity: critical]  endpoint-has-monitor" in said
    assert "nobody is told when https://api.example.com is down: no monitor looks at it" in said


def test_a_protected_stack_passes_though_its_ids_are_not_known_yet(tmp_path: Path) -> None:
    code, said = preview(tmp_path, "protected")
    assert code == 0, said
    assert "✅ bulwark@v0.1.0" in said
    assert "[advisory]" not in said
