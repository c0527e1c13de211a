"""Plain `pulumi`, with the official language host, runs the same program; production with policies only."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from deployment import Deployment
from installations import CHECKOUT

from cli import stack_file, twin
from toolchain.engine import search_path

VARIABLE = "BULWARK_LANGUAGE_HOST"
"""Folder of pulumi-language-python and pulumi-language-python-exec, as the official CLI brings them."""

_HOST = ("pulumi-language-python", "pulumi-language-python-exec")
_ARCHIVE = CHECKOUT.parent / "shared" / "providers" / "real-providers.tar.xz"


@pytest.fixture(scope="module")
def language_host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Find the official host: named by the environment, on PATH, or in an archive beside the repository."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if found := shutil.which(_HOST[0]):
        return Path(found).parent
    if not _ARCHIVE.exists():
        pytest.skip(
            f"NOT TESTED: plain `pulumi`. No language host: put {_HOST[0]} on PATH or set {VARIABLE}."
        )
    folder = tmp_path_factory.mktemp("language-host")
    with tarfile.open(_ARCHIVE) as archive:
        for name in _HOST:
            archive.extract(name, folder, filter="data")
    return folder


_WITH_POLICIES = ("--policy-pack", "policies")


def preview(
    production: Deployment, host: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `pulumi preview` in the checkout as a person would, with the engine's environment of the twin."""
    installation = production.installation
    settings = stack_file.find("prod", on_twin=True).settings
    paths = f"{host}{os.pathsep}{search_path()}"
    workspace = installation.home.root / "workspace"
    shutil.copy(workspace / "Pulumi.prod.yaml", installation.folder)  # with the salt of the twin's passphrase
    return subprocess.run(
        ["pulumi", "preview", "--stack", "prod", "--non-interactive", *options],
        cwd=installation.folder,
        env=installation.environment
        | twin.engine_environment(installation.home, settings)
        | {"PATH": paths, "PULUMI_SKIP_UPDATE_CHECK": "true", **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_production_is_refused_without_the_policies_and_told_what_to_type(
    production: Deployment, language_host: Path
) -> None:
    refused = preview(production, language_host)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "the policy pack is off, and production is never deployed without it." in said
    assert "pulumi preview --stack prod --policy-pack policies" in said
    assert "Traceback" not in said


def test_production_is_refused_by_policies_that_nobody_told_of_its_drills(
    production: Deployment, language_host: Path
) -> None:
    refused = preview(production, language_host, *_WITH_POLICIES)
    assert refused.returncode != 0
    for store in ("database-project (Project)", "files (Files)"):
        assert f"{store} is not shown to come back: could not be decided" in refused.stdout


def test_with_the_policies_it_is_the_same_program(production: Deployment, language_host: Path) -> None:
    told = production.installation.bulwark("drills", "--stack", "prod", "--twin", "--for-policies")
    assert told.code == 0, told.text
    seen = preview(production, language_host, *_WITH_POLICIES, "--expect-no-changes", BULWARK_DRILLS=told.out)
    assert seen.returncode == 0, seen.stdout[-2_000:] + seen.stderr[-2_000:]
    assert "bulwark" in seen.stdout
