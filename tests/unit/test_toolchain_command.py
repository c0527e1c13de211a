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
    *("status", "logs", "down", "test", "toolchain"),
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
    """Give fake checkers that print their arguments: the real ones would run these very tests."""
    for name in ("ruff", "pyrefly", "zizmor", "check-jsonschema", "pytest"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(checks, "_TOOLS", tmp_path)
    return tmp_path


def test_all_checks_are_told_in_order_and_the_last_line_is_the_verdict(
    tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tools.exists()
    assert checks.test("-k", "settings") == 0
    output, errors = capfd.readouterr()
    formatting, lint, types, workflows, syntax, tests, verdict = read_output(output)
    assert (formatting, lint) == ("ruff format --check .", "ruff check .")
    assert types == "pyrefly check"
    assert workflows == "zizmor --offline --no-progress --persona auditor .github"
    assert syntax.startswith("check-jsonschema --builtin-schema vendor.github-workflows ")
    assert ".github/workflows/review.yml" in syntax
    assert re.fullmatch(r"pytest -n \d+ -k settings", tests)
    assert verdict == "All checks passed."
    assert errors == ""


def read_output(output: str) -> list[str]:
    """Return what tools and the command said, without headings."""
    return [line for line in output.splitlines() if line and not line.startswith("==")]


def test_a_failed_check_does_not_hide_the_next_and_fails_the_whole(
    tools: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tools / "ruff").write_text("#!/bin/sh\nexit 2\n")
    assert checks.test() == 1
    output, errors = capfd.readouterr()
    assert "pytest -n " in output
    assert errors == "\nFailed: format, lint\n"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["test"], ""),
        (["test", "--all"], " --all"),
        (["test", "--seed", "7", "--", "-k", "settings"], " --seed 7 -k settings"),
    ],
)
def test_options_of_sampling_are_passed_to_pytest_alone(
    tools: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], options: str
) -> None:
    assert tools.exists()
    app(arguments, result_action="return_value")
    lines = read_output(capfd.readouterr().out)
    assert re.fullmatch(rf"pytest -n \d+{options}", lines[-2])
    assert len([line for line in lines if "--all" in line or "--seed" in line]) == bool(options)
