"""The wheel has every module and data file, and works without the checkout."""

import ast
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

import pytest
from import_graph import CHECKOUT, PACKAGES, module_name, source_files

from cli.app import app

pytestmark = pytest.mark.shares("wheel")

EXAMPLES = CHECKOUT / "examples"
_SDKS = ("neon", "railway", "sentry", "uptimerobot", "vercel")
_BUILD = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
_IMPORT = """
import importlib, sys
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    assert module.__file__.startswith(sys.argv[1]), module
"""


@dataclass(frozen=True)
class Installed:
    """An otherwise empty virtualenv with the wheel, which reads its dependencies from the checkout's."""

    folder: Path
    wheel: Path

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": os.defpath, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    source = tmp_path_factory.mktemp("source")
    for folder in (*PACKAGES, "schemas"):
        copytree(CHECKOUT / folder, source / folder, ignore=ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        copy2(CHECKOUT / file, source)
    subprocess.run([sys.executable, "-c", _BUILD], cwd=source, check=True, capture_output=True)
    [wheel] = (source / "dist").iterdir()
    folder = tmp_path_factory.mktemp("installed")
    venv.EnvBuilder(symlinks=True).create(folder)
    environment = Installed(folder, wheel)
    install = ("install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder), *install], check=True, capture_output=True
    )
    # Python reads no .pth file in a folder that a .pth file names, so the editable install stays out.
    dependencies = [sysconfig.get_path("purelib"), *(str(CHECKOUT / "sdks" / sdk) for sdk in _SDKS)]
    (environment.packages / "dependencies.pth").write_text("\n".join(dependencies))
    return environment


def files_of_the_packages() -> Iterator[str]:
    for folder in (*PACKAGES, "schemas"):
        for file in (CHECKOUT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(file.relative_to(CHECKOUT))


def test_the_wheel_has_every_module_and_data_file(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == set(files_of_the_packages())


def test_every_module_is_imported_from_the_wheel(installed: Installed) -> None:
    modules = [module_name(CHECKOUT, file) for file in source_files(CHECKOUT) if file.stem != "__main__"]
    assert len(modules) > 300
    ended = installed.run("python", "-I", "-c", _IMPORT, str(installed.packages), *modules)
    assert ended.returncode == 0, ended.stderr


def test_the_installed_command_tells_its_version_and_its_commands(installed: Installed) -> None:
    version = installed.run("bulwark", "--version")
    assert (version.returncode, version.stdout) == (0, f"{metadata.version('bulwark')}\n")
    shown = installed.run("bulwark", "--help")
    assert shown.returncode == 0, shown.stderr
    assert all(f" {command} " in shown.stdout for command in app if not command.startswith("-"))


def test_the_installed_policy_host_can_be_executed(installed: Installed) -> None:
    assert os.access(installed.packages / "toolchain" / "bin" / "pulumi-analyzer-policy-python", os.X_OK)


@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/__main__.py")))
def test_an_example_imports_what_its_requirements_install_and_nothing_else(
    installed: Installed, example: str
) -> None:
    folder = EXAMPLES / example
    lines = (folder / "requirements.txt").read_text().splitlines()
    required = [line.removeprefix("${BULWARK}/") for line in lines if not line.startswith("#")]
    assert required[0] == "${BULWARK}"
    statements = [
        ast.unparse(node)
        for node in ast.parse((folder / "__main__.py").read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    only = (
        f"import sys; sys.path = [p for p in sys.path if '/sdks/' not in p or p.endswith({tuple(required)})]"
    )
    ended = installed.run("python", "-I", "-c", "\n".join([only, *statements]))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", [["preview", "--stack", "prod"], ["backups"], ["status"]], ids=" ".join)
def test_a_command_that_needs_a_checkout_says_so(installed: Installed, command: list[str]) -> None:
    ended = installed.run("bulwark", *command)
    assert ended.returncode == 1
    assert ended.stderr.startswith("bulwark: ")
    assert "Traceback" not in ended.stderr
