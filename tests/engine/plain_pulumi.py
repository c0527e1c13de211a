"""Plain `pulumi` with the official language host, as a person runs it who knows nothing of ./bulwark."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from deployment import Deployment
from installations import CHECKOUT

from engine import stack_target, twin
from toolchain.engine import search_path

VARIABLE = "BULWARK_LANGUAGE_HOST"
"""Folder of pulumi-language-python and pulumi-language-python-exec, as the official CLI brings them."""

_HOST = ("pulumi-language-python", "pulumi-language-python-exec")
_ARCHIVE = CHECKOUT.parent / "shared" / "providers" / "real-providers.tar.xz"


def find_language_host(folder: Path) -> Path:
    """Find the official host: named by the environment, on PATH, or in an archive beside the repository."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if found := shutil.which(_HOST[0]):
        return Path(found).parent
    if not _ARCHIVE.exists():
        pytest.skip(
            f"NOT TESTED: plain `pulumi`. No language host: put {_HOST[0]} on PATH or set {VARIABLE}."
        )
    with tarfile.open(_ARCHIVE) as archive:
        for name in _HOST:
            archive.extract(name, folder, filter="data")
    return folder


WITH_POLICIES = ("--policy-pack", "policies")


def drills(deployment: Deployment) -> dict[str, str]:
    """Return the environment that tells the policies of a stack's drills."""
    told = deployment.installation.bulwark("drills", "--stack", deployment.stack, "--twin", "--for-policies")
    assert told.code == 0, told.text
    return {"BULWARK_DRILLS": told.out}


def pulumi(
    deployment: Deployment,
    host: Path,
    command: str,
    *options: str,
    real: bool = False,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `pulumi <command>` in the checkout, with the engine's environment of the twin."""
    installation, stack = deployment.installation, deployment.stack
    settings = stack_target.find(stack, on_twin=True).settings
    path = installation.folder / f"Pulumi.{stack}.yaml"
    before = path.read_text()
    salted = yaml.safe_load((installation.home.root / "workspace" / path.name).read_text())
    path.write_text(f"{before}\nencryptionsalt: {salted['encryptionsalt']}\n")  # of the twin's passphrase
    try:
        return subprocess.run(
            ["pulumi", command, "--stack", stack, "--non-interactive", *options],
            cwd=installation.folder,
            env=installation.environment
            | twin.engine_environment(installation.home, settings, real=real)
            | {"PATH": f"{host}{os.pathsep}{search_path()}", "PULUMI_SKIP_UPDATE_CHECK": "true"}
            | (environment or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        path.write_text(before)  # the engine wrote its own, in another style
