"""The launcher on small checkouts of its own: real uv, real virtualenvs, a lock file of one package."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolchain import environment, uv

CHECKOUT = Path(__file__).parents[2]
STEPS = "Installing the locked packages ..."
INTERPRETER = Path(sys.executable).resolve()
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import os, pathlib, zipfile
def build_editable(folder, settings=None, metadata=None):
    here = os.getcwd()
    name = "toy_" + os.path.basename(here)
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.pth", here)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}-1-py3-none-any.whl"
"""
"""Builds in milliseconds what setuptools builds in seconds."""


@dataclass(frozen=True)
class Checkout:
    folder: Path
    environment: dict[str, str]

    def start(self, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [INTERPRETER, self.folder / "bulwark", "up", "--x"],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **variables: str) -> tuple[int, str, str]:
        """Return the exit code, standard output and standard error of `bulwark up --x`."""
        with self.start(**variables) as process:
            output, errors = process.communicate(timeout=60)
        sys.stderr.write(errors)  # for whoever reads a failed test
        return process.returncode, output, errors

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def package(self) -> Path:
        return next(self.venv.glob("lib/*/site-packages")) / "iniconfig"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout that needs one package and whose command prints its arguments."""
    folder = tmp_path / "checkout"
    for package in ("core", "toolchain"):
        shutil.copytree(CHECKOUT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "bulwark", folder)
    (folder / "cli").mkdir()
    (folder / "cli" / "__main__.py").write_text("import sys, iniconfig\nprint(sys.argv[1:])\n")
    for project in environment.PROJECTS:
        (folder / project).mkdir(parents=True, exist_ok=True)
        (folder / project / "backend.py").write_text(BACKEND)
        (folder / project / "pyproject.toml").write_text(PROJECT)
    block = re.search(
        r"^iniconfig==.*?(?=^\S)", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE | re.DOTALL
    )
    assert block
    (folder / "requirements.lock").write_text(block[0])
    path = os.pathsep.join((str(uv.ensure_uv().parent), os.environ["PATH"]))
    return Checkout(folder, {**os.environ, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")})


def test_the_first_call_sets_up_and_the_second_goes_straight_to_the_command(checkout: Checkout) -> None:
    code, output, errors = checkout.run()
    assert (code, output) == (0, "['up', '--x']\n")
    assert STEPS in errors
    assert checkout.run() == (0, "['up', '--x']\n", "")


def test_a_changed_lock_file_is_followed_without_throwing_the_environment_away(checkout: Checkout) -> None:
    checkout.run()
    witness = checkout.venv / "witness"
    witness.touch()
    with (checkout.folder / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    code, _, errors = checkout.run()
    assert code == 0
    assert STEPS in errors
    assert witness.exists()


def test_a_changed_project_file_leaves_the_packages_alone(checkout: Checkout) -> None:
    checkout.run()
    with (checkout.folder / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    code, _, errors = checkout.run()
    assert code == 0
    assert "Installing Bulwark itself ..." in errors
    assert STEPS not in errors


def test_a_package_cut_off_in_the_middle_is_not_taken_for_installed(checkout: Checkout) -> None:
    checkout.run()
    (checkout.venv / "bulwark.stamp").unlink()
    shutil.rmtree(checkout.package)  # its metadata is still there, which is all that uv looks at
    code, _, _ = checkout.run()
    assert code == 0
    assert (checkout.package / "__init__.py").exists()


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout) -> None:
    checkout.run()
    moved = Checkout(checkout.folder.rename(checkout.folder.with_name("moved")), checkout.environment)
    assert moved.run()[:2] == (0, "['up', '--x']\n")
    scripts = [path for path in (moved.venv / "bin").iterdir() if path.is_file() and not path.is_symlink()]
    assert not [path for path in scripts if str(checkout.folder) in path.read_text()]


def test_an_environment_whose_interpreter_is_gone_is_made_again(checkout: Checkout) -> None:
    checkout.run()
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert checkout.run()[:2] == (0, "['up', '--x']\n")


def test_killed_at_any_moment_the_next_call_sets_up(checkout: Checkout) -> None:
    for delay_seconds in (0.05, 0.2, 0.35, 0.5, 0.8, 1.2):
        with checkout.start() as process:
            time.sleep(delay_seconds)
            process.send_signal(signal.SIGKILL)
    code, output, _ = checkout.run()
    assert (code, output) == (0, "['up', '--x']\n")
    assert (checkout.package / "__init__.py").exists()


def test_calls_at_the_same_time_set_up_once(checkout: Checkout) -> None:
    calls = [checkout.start() for _ in range(3)]
    answers = [(*call.communicate(timeout=60), call.returncode) for call in calls]
    assert [(output, code) for output, _, code in answers] == [("['up', '--x']\n", 0)] * 3
    assert sum(STEPS in errors for _, errors, _ in answers) == 1


def test_the_terminate_signal_ends_the_tools_as_well(checkout: Checkout, tmp_path: Path) -> None:
    slow = tmp_path / "slow" / "uv"
    slow.parent.mkdir()
    slow.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && echo uv 9.9 && exit\necho $$ > {tmp_path}/pid\nsleep 60\n"
    )
    slow.chmod(0o755)
    with checkout.start(PATH=f"{slow.parent}:{checkout.environment['PATH']}") as process:
        tool = int(_read_when_there(tmp_path / "pid"))
        time.sleep(0.5)  # a signal that arrives while the tool is being started leaves it to end by itself
        process.terminate()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(tool, 0)


def test_without_a_network_the_message_names_the_cause_and_nothing_blocks_the_next_call(
    checkout: Checkout, tmp_path: Path
) -> None:
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    code, output, errors = checkout.run(**nowhere, UV_CACHE_DIR=str(tmp_path / "empty"))
    assert (code, output) == (1, "")
    assert "Installing the locked packages failed: the package registry cannot be reached." in errors
    assert "Next: check the network" in errors
    assert "Traceback" not in errors
    assert checkout.run()[0] == 0


def test_a_file_that_is_not_the_locked_one_is_refused(checkout: Checkout) -> None:
    lock = checkout.folder / "requirements.lock"
    lock.write_text(re.sub(r"sha256:\w+", "sha256:" + "0" * 64, lock.read_text()))
    code, _, errors = checkout.run()
    assert code == 1
    assert "a download is not the file that the lock file names" in errors


def test_a_link_in_place_of_the_environment_is_left_alone(checkout: Checkout, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").touch()
    checkout.venv.symlink_to(foreign)
    code, _, errors = checkout.run()
    assert code == 1
    assert "left alone" in errors
    assert (foreign / "precious").exists()


def test_without_uv_and_ensurepip_the_message_says_what_to_install(
    checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "ensurepip.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ensurepip'\")"
    )
    code, _, errors = checkout.run(PATH="/nowhere", PYTHONPATH=str(tmp_path / "missing"))
    assert code == 1
    assert "this Python comes without ensurepip" in errors
    assert "python3-venv" in errors
    assert not list((tmp_path / "cache" / "bulwark").glob("uv-*/bin"))[1:]


def test_a_uv_that_is_too_old_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "uv"
    old.write_text("#!/bin/sh\necho uv 0.1.44\n")
    old.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "bulwark" / f"uv-{uv.pinned_version(CHECKOUT / 'toolchain' / 'requirements-uv.lock')}"
    kept.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert uv.ensure_uv() == kept / "bin" / "uv"


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/tools.lock"])
def test_every_pinned_dependency_is_in_its_lock_file(lock: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.lock": [*project["project"]["dependencies"], *groups["dev"]],
        "tests/tools.lock": groups["tools"],
    }
    pins = [found for line in wanted[lock] if (found := re.match(r"([\w-]+)(?:\[[\w,-]+\])?==(\S+)", line))]
    text = (CHECKOUT / lock).read_text()
    assert pins
    assert [
        name
        for name, version in (pin.groups() for pin in pins)
        if not re.search(rf"^{name}(\[\w+\])?=={re.escape(version)} ", text, re.MULTILINE)
    ] == []


def _read_when_there(path: Path) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise TimeoutError(path)
