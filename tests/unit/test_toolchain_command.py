import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import checks
from cli.app import app

COMMANDS = (
    *("up", "preview", "refresh", "outputs", "destroy"),
    *("review", "audit"),
    *("backup", "backups", "verify", "restore"),
    *("status", "logs", "down", "test"),
)
HEAVY = ("pulumi", "pydantic", "boto3", "httpx", "sqlite3")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=False, cwd="/"
    )


def test_help_lists_every_command_and_waits_for_no_heavy_import() -> None:
    report = f"print([name for name in {HEAVY} if name in sys.modules])"
    answer = run("-c", f"import sys\nfrom cli.app import app\ntry: app(['--help'])\nfinally: {report}")
    assert answer.returncode == 0, answer.stderr
    for name in COMMANDS:
        assert f"\n│ {name} " in answer.stdout
    assert answer.stdout.splitlines()[-1] == "[]"


def test_version_is_the_one_of_the_project() -> None:
    assert run("-m", "cli", "--version").stdout == "0.1.0\n"


def test_every_command_that_help_lists_exists() -> None:
    assert [name for name in COMMANDS if app[name].default_command is None] == []


def test_an_unknown_command_is_an_error_without_a_traceback() -> None:
    answer = run("-m", "cli", "upp")
    assert answer.returncode == 2
    assert "Traceback" not in answer.stdout + answer.stderr


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the checkers, which would run these very tests: each says what it was asked."""
    for name in ("ruff", "basedpyright", "zizmor", "check-jsonschema", "pytest"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(checks, "_TOOLS", tmp_path)
    return tmp_path


def test_all_checks_run_in_order_and_pytest_has_the_last_word(
    tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tools.exists()
    assert checks.test("-k", "settings") == 0
    output, errors = capfd.readouterr()
    said = [line for line in output.splitlines() if line and not line.startswith("==")]
    workflows, syntax = said.pop(3), said.pop(3)
    assert workflows == "zizmor --offline --no-progress --persona auditor .github"
    assert syntax.startswith("check-jsonschema --builtin-schema vendor.github-workflows ")
    assert syntax.endswith(".github/workflows/review.yml")
    assert said[:-1] == ["ruff format --check .", "ruff check .", "basedpyright "]
    assert re.fullmatch(r"pytest -n \d+ -k settings", said[-1])
    assert [line for line in output.splitlines() if line][-1] == said[-1]
    assert errors == ""


def test_a_failed_check_does_not_hide_the_next_and_fails_the_whole(
    tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tools / "ruff").write_text("#!/bin/sh\nexit 2\n")
    assert checks.test() == 1
    output, errors = capfd.readouterr()
    assert "pytest -n " in output
    assert errors == "\nFailed: format, lint\n"
