"""`./bulwark` under a Python that is too old for everything behind it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "bulwark"
PRETEND = (
    "import runpy, sys; sys.version_info = (3, 8, 18); sys.version = '3.8.18 (main)';"
    f"sys.argv = ['bulwark', 'up', '--stack', 'prod']; runpy.run_path({str(LAUNCHER)!r}, run_name='__main__')"
)


def run_with_an_old_python(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRETEND],
        env={**os.environ, "PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def write_command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_old_python_says_what_is_needed(tmp_path: Path) -> None:
    answer = run_with_an_old_python(tmp_path)
    assert answer.returncode == 1
    assert "this is Python 3.8.18" in answer.stderr
    assert "Next: install Python 3.11 or newer" in answer.stderr


def test_an_old_python_hands_over_to_a_newer_one_with_all_arguments(tmp_path: Path) -> None:
    write_command(
        tmp_path / "python3.14", "echo not installed >&2; exit 127"
    )  # what a version manager leaves on PATH
    write_command(tmp_path / "python3.12", '[ "$1" = -c ] && exit 0; echo "$@"')
    answer = run_with_an_old_python(tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{LAUNCHER} up --stack prod\n", "")


def test_any_python_can_parse_the_launcher() -> None:
    tree = ast.parse(LAUNCHER.read_text(), feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.Starred, ast.NamedExpr)
    assert [node for node in ast.walk(tree) if isinstance(node, newer)] == []


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.10"])
def test_a_real_old_python_says_what_is_needed(version: str) -> None:
    versions = Path(os.environ.get("PYENV_ROOT", "/nowhere")) / "versions"
    python = next(versions.glob(f"{version}.*/bin/python"), None)
    if python is None:
        pytest.skip(f"no Python {version} here")
    answer = subprocess.run(
        [python, LAUNCHER], env={"PATH": "/nowhere"}, capture_output=True, text=True, timeout=20, check=False
    )
    assert answer.returncode == 1
    assert f"this is Python {version}." in answer.stderr


def test_the_home_of_another_python_is_left_out() -> None:
    answer = subprocess.run(
        [LAUNCHER, "--version"],
        env={**os.environ, "PYTHONHOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
