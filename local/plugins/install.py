"""Lays the stand-in plugins out in a private PULUMI_HOME, as the CLI would after a download."""

import shlex
import sys
from pathlib import Path

from toolchain.engine import VERSION

STAND_INS = {
    ("terraform-provider", "1.1.3"): "local.plugins.bridge",
    ("aws", "7.51.1"): "local.plugins.aws",
}
"""(plugin, version) -> module. The versions are those that the SDKs ask the engine for."""


_POLICY_HOST = Path(__file__).parents[2] / "toolchain" / "bin" / "pulumi-analyzer-policy-python"


def install(pulumi_home: Path) -> None:
    """Write (or refresh) the launchers; a plugin is a folder with one executable of a fixed name."""
    python = shlex.quote(sys.executable)
    for (plugin, version), module in STAND_INS.items():
        # A plugin starts PostgreSQL's programs; gRPC's handlers of fork() crash the child (grpc/grpc#29044).
        environment = "GRPC_ENABLE_FORK_SUPPORT=0"
        _write(pulumi_home, "resource", plugin, version, f'{environment} exec {python} -m {module} "$@"')
    # Found on PATH as well, but then every run warns of it.
    _write(pulumi_home, "analyzer", "policy-python", VERSION, f'exec {shlex.quote(str(_POLICY_HOST))} "$@"')


def _write(pulumi_home: Path, kind: str, name: str, version: str, command: str) -> None:
    folder = pulumi_home / "plugins" / f"{kind}-{name}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".partial"
    partial.write_text(f"#!/bin/sh\n{command}\n")
    partial.chmod(0o755)
    partial.replace(folder / f"pulumi-{kind}-{name}")
