"""Plain `pulumi` with the official language host, run without ./bulwark."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from deployment import Deployment

from engine.stack_target import ProviderKind
from toolchain import providers
from toolchain.engine import search_path

VARIABLE = "BULWARK_LANGUAGE_HOST"
"""Folder of pulumi-language-python and pulumi-language-python-exec, as the official CLI brings them."""

_HOST = "pulumi-language-python"


def find_language_host() -> Path:
    """Return the official language host's folder: a named one, the real providers', or one on PATH."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    beside = Path(os.environ.get(providers.VARIABLE, os.devnull)) / "bin"
    program = shutil.which(_HOST, path=f"{beside}{os.pathsep}{search_path()}")
    if not program:
        pytest.skip(f"NOT TESTED: plain `pulumi`. No language host: put {_HOST} on PATH or set {VARIABLE}.")
    return Path(program).parent


WITH_POLICIES = ("--policy-pack", "policies")


def drill_facts(deployment: Deployment) -> dict[str, str]:
    """Return the environment variable that has the facts of a stack's drills for the policies."""
    command = deployment.installation.bulwark(
        "drills", "--stack", deployment.stack, "--twin", "--for-policies"
    )
    assert command.code == 0, command.text
    return {"BULWARK_DRILLS": command.out}


def run_pulumi(
    deployment: Deployment,
    host: Path,
    command: str,
    *options: str,
    providers: ProviderKind = "stand-in",
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `pulumi <command>` in the checkout, with the engine's environment of the twin."""
    installation, stack = deployment.installation, deployment.stack
    path = installation.folder / f"Pulumi.{stack}.yaml"
    before = path.read_text()
    salted = yaml.safe_load((installation.home.root / "workspace" / path.name).read_text())
    path.write_text(f"{before}\nencryptionsalt: {salted['encryptionsalt']}\n")  # of the twin's passphrase
    try:
        return subprocess.run(
            ["pulumi", command, "--stack", stack, "--non-interactive", *options],
            cwd=installation.folder,
            env=installation.environment
            | installation.engine_environment(stack, providers)
            | {"PATH": f"{host}{os.pathsep}{search_path()}", "PULUMI_SKIP_UPDATE_CHECK": "true"}
            | (environment or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        path.write_text(before)  # the engine has rewritten the file
