"""A private copy of this checkout with a twin of its own, for tests that run `./bulwark` as a user does."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from import_graph import CHECKOUT, PACKAGES
from leftover_processes import twin_name
from warm_python import run_python, warm_plugins

from engine.program import BOTH
from engine.stack_target import ProviderKind
from engine.targets import find_twin_target
from engine.twin import TwinTarget
from toolchain.engine import search_path
from twin import services
from twin.host.home import TwinHome

_COPIED = (*PACKAGES, "administrator", "schemas", "__main__.py")


@dataclass(frozen=True)
class CommandResult:
    """One call of `./bulwark` that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Installation:
    """A checkout that can be edited and broken, with a twin that nobody else uses."""

    folder: Path
    home: TwinHome
    variables: dict[str, str] = field(default_factory=dict[str, str])
    """Set in the environment of every command."""

    @property
    def environment(self) -> dict[str, str]:
        return (
            os.environ
            | self.variables
            | {
                "BULWARK_TWIN": str(self.home.root),
                "PYTHONPATH": str(self.folder),
                "COLUMNS": "120",
                "GITHUB_BASE_REF": "",  # of the pull request that runs these tests
            }
        )

    def engine_environment(self, stack: str, providers: ProviderKind = "stand-in") -> dict[str, str]:
        """Return the environment in which an engine works on a stack of this installation's twin."""
        target = TwinTarget(stack, find_twin_target(stack).settings, providers, self.home)
        return os.environ | target.engine_environment() | {"PATH": search_path()}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "cli", *arguments]

    def bulwark(self, *arguments: str, timeout_seconds: float = 180, **variables: str) -> CommandResult:
        ended = run_python(
            self.command(*arguments)[1:],
            libraries="engine",
            folder=self.folder,
            environment=self.environment | variables,
            timeout_seconds=timeout_seconds,
        )
        return CommandResult(ended.returncode, ended.stdout, ended.stderr)

    def state(self, stack: str = "local", project: str = "bulwark") -> dict[str, Any]:
        """Return the latest checkpoint that the engine wrote; an empty one before the first."""
        path = self.home.state / ".pulumi" / "stacks" / project / f"{stack}.json"
        return (json.loads(path.read_text())["checkpoint"]["latest"] or {}) if path.exists() else {}

    def resources(self, stack: str = "local") -> list[dict[str, Any]]:
        """Return the resources of the administrator's stack and of the platform's."""
        states = [self.state(stack, program.project) for program in BOTH]
        return [resource for state in states for resource in state.get("resources") or ()]

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=Example", "-c", "user.email=example@example.com")
        subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True)

    @contextmanager
    def under_git(self) -> Generator[None]:
        """Hold the whole checkout in one commit of `main`, which is the base of a review."""
        self.git("init", "--quiet", "--initial-branch=main")
        (self.folder / ".git" / "info" / "exclude").write_text("__pycache__/\n.venv\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "The base")
        try:
            yield
        finally:
            shutil.rmtree(self.folder / ".git")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        before = path.read_text()
        assert old in before
        path.write_text(before.replace(old, new))


def make_installation(folder: Path, **variables: str) -> Installation:
    """Copy the checkout, with a twin of its own."""
    folder.mkdir(parents=True)
    for name in _COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    for source in folder.rglob("*.py"):
        _copy_bytecode(CHECKOUT / source.relative_to(folder), source)
    (folder / ".venv").symlink_to(CHECKOUT / ".venv")
    for file in CHECKOUT.glob("Pulumi*.yaml"):
        shutil.copy(file, folder)
    warm_plugins(folder)
    # Where an unprivileged PostgreSQL can reach it.
    root = Path(tempfile.gettempdir()) / twin_name()
    installation = Installation(folder, TwinHome(root), variables)
    installation.home.create()
    return installation


def _copy_bytecode(source: Path, copy: Path) -> None:
    """Copy the bytecode of a source, which is valid for a copy of the same time and size as well."""
    compiled = Path(cache_from_source(str(copy)))
    compiled.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # not compiled yet
        shutil.copyfile(cache_from_source(str(source)), compiled)


def _ignore_missing(_function: object, _path: str, failure: tuple[type, BaseException, object]) -> None:
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


def remove(installation: Installation) -> None:
    """Stop what runs and remove the twin."""
    home = installation.home
    # What `./bulwark down` does, which would take a second more to start.
    services.stop(
        home,
        services.declare_services(
            home,
            platform_ports=[home.port("platform-backend"), home.port("platform-frontend")],
            elsewhere_bucket="example-copies",
        ),
    )
    # A database server that ends meanwhile removes files of its own.
    shutil.rmtree(installation.home.root, onerror=_ignore_missing)
    if sys.pycache_prefix:
        shutil.rmtree(f"{sys.pycache_prefix}{installation.folder}", ignore_errors=True)
