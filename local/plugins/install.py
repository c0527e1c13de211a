"""Lays the stand-in plugins out in a private PULUMI_HOME, as the CLI would after a download."""

import shlex
import sys
from pathlib import Path

STAND_INS = {
    ("terraform-provider", "1.1.3"): "local.plugins.bridge",
    ("aws", "7.51.1"): "local.plugins.aws",
}
"""(plugin, version) -> module. The versions are those that the SDKs ask the engine for."""


def install(pulumi_home: Path) -> None:
    """Write (or refresh) the launchers; a plugin is a folder with one executable of a fixed name."""
    for (plugin, version), module in STAND_INS.items():
        folder = pulumi_home / "plugins" / f"resource-{plugin}-v{version}"
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / f"pulumi-resource-{plugin}"
        partial = folder / ".partial"
        # A plugin starts PostgreSQL's programs; gRPC's handlers of fork() crash the child (grpc/grpc#29044).
        environment = "GRPC_ENABLE_FORK_SUPPORT=0"
        partial.write_text(f'#!/bin/sh\n{environment} exec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        partial.chmod(0o755)
        partial.replace(launcher)
