"""The pack in the real engine: what it refuses is refused on the first preview, before anything exists."""

import json
import re
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


def test_a_foreign_stack_is_refused_by_name_and_nothing_is_created(tmp_path: Path) -> None:
    code, said = preview(tmp_path, "foreign")
    assert code == toy_preview.REFUSED
    for rule, message in {
        "store-has-independent-backup": "uploads (Bucket) has no independent backup: no scheduled job",
        "bucket-is-closed-to-the-public": "uploads (Bucket",
        "store-has-history": "orders (Instance)",
        "store-is-protected": "orders (Instance) may be deleted by a deploy",
        "type-is-classified": "strange (StrangeDatabase)",
        "no-long-lived-key": "key (AccessKey)",
        "metric-alarm-tells-somebody": "slow (MetricAlarm) goes off unheard: it takes no action",
        "role-has-no-managed-administrator": "everything (RolePolicyAttachment)",
        "provider-is-explicit": "orders (Instance)",
        "provider-is-pinned": "default (aws) does not say which version it is",
    }.items():
        assert re.search(rf"\[mandatory\] \[severity: \w+\]  {rule} ", said), rule
        assert message in said
    assert "crashed" not in said


def test_an_empty_stack_passes(tmp_path: Path) -> None:
    code, said = preview(tmp_path, "empty")
    assert code == 0, said
    assert "✅ bulwark@v0.1.0" in said
    assert "[advisory]" not in said
