"""The vendors' own provider plugins, as the Pulumi CLI keeps them: found on this machine, or downloaded."""

import hashlib
import os
import platform
import sys
from pathlib import Path

from core.failure import Failure
from toolchain.cache import cached
from toolchain.engine import ensure_cli
from toolchain.step import run_step

VARIABLE = "BULWARK_PROVIDERS"
"""Names a PULUMI_HOME that has them; the language host may lie in its `bin`."""

BRIDGE = ("terraform-provider", "1.1.3")
_BRIDGED = (
    ("kislerdm", "neon", "0.15.0"),
    ("uptimerobot", "uptimerobot", "1.10.0"),
    ("jianyuan", "sentry", "0.15.4"),
)
"""(namespace, name, version); the SDKs in sdks/ and Pulumi.yaml name the same versions."""

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "providers"
"""Plugins for Linux on x86-64, laid out by a program of their own, for machines that can't download."""

_INSTALL_LIMIT_SECONDS = 300
_DOWNLOAD_LIMIT_SECONDS = 900


def bridge(home: Path) -> Path:
    """Return where a PULUMI_HOME has the plugin that runs Terraform's providers."""
    name, version = BRIDGE
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def find_providers() -> Path:
    """
    Return a PULUMI_HOME with all of the plugins, in the versions that the stack is made for.

    It is the one that the environment names, the user's own, one laid out from beside the repository, or one
    that the CLI downloads into the cache.

    Raises:
        Failure: they can't be had.
    """
    if named := os.environ.get(VARIABLE):
        if is_complete(Path(named)):
            return Path(named)
        raise Failure(
            f"{VARIABLE} names {named}, which lacks some of the providers: {_listed()}.",
            f"name a PULUMI_HOME that has them, or unset {VARIABLE}.",
        )
    own = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    if is_complete(own):
        return own
    if (_BESIDE / "install").exists() and sys.platform == "linux" and platform.machine() == "x86_64":
        contents = hashlib.sha256((_BESIDE / "SHA256SUMS").read_bytes()).hexdigest()[:12]
        return cached(f"providers-{contents}", _lay_out)
    versions = "-".join(version for *_, version in _BRIDGED)
    return cached(f"providers-{BRIDGE[1]}-{versions}", _download)


def is_complete(home: Path) -> bool:
    registry = home / "dynamic_tf_plugins" / "registry.opentofu.org"
    return bridge(home).exists() and all(
        any((registry / namespace / name / version).glob(f"*/terraform-provider-{name}*"))
        for namespace, name, version in _BRIDGED
    )


def _lay_out(folder: Path) -> None:
    run_step(
        "Laying out the vendors' providers",
        [_BESIDE / "install", folder],
        limit_seconds=_INSTALL_LIMIT_SECONDS,
    )


def _download(folder: Path) -> None:
    """Let the CLI download the bridge, and the bridge the providers, by asking for their schemas."""
    cli = ensure_cli()
    environment = {**os.environ, "PULUMI_HOME": str(folder), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    commands = [
        ("plugin", "install", "resource", *BRIDGE),
        *(
            ("package", "get-schema", "@".join(BRIDGE), f"{namespace}/{name}", version)
            for namespace, name, version in _BRIDGED
        ),
    ]
    try:
        for command in commands:
            run_step(
                f"Downloading {command[-2].rpartition('/')[2]} {command[-1]}",
                [cli, *command],
                env=environment,
                limit_seconds=_DOWNLOAD_LIMIT_SECONDS,
            )
    except Failure as failure:
        raise Failure(
            f"The vendors' own providers ({_listed()}) can't be had.",
            f"set {VARIABLE} to a PULUMI_HOME that has them; the twin's stand-ins need none of it.",
            str(failure).removeprefix("bulwark: "),
        ) from failure


def _listed() -> str:
    return ", ".join(f"{namespace}/{name} {version}" for namespace, name, version in _BRIDGED)
