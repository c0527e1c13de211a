"""Lays plugins out in the twin's private PULUMI_HOMEs, as the CLI would after a download."""

import shlex
import shutil
import sys
from pathlib import Path

from toolchain.engine import VERSION
from toolchain.providers import BRIDGE
from twin.host.home import TwinHome
from twin.host.tls_proxy import authority

STAND_INS = {
    BRIDGE: "twin.bridge_plugin",
    ("aws", "7.51.1"): "twin.aws.provider",
}
"""(plugin, version) -> module. The versions are those that the SDKs ask the engine for."""


_POLICY_HOST = Path(__file__).parents[1] / "toolchain" / "bin" / "pulumi-analyzer-policy-python"


def install(pulumi_home: Path) -> None:
    """Write (or refresh) the launchers; a plugin is a folder with one executable of a fixed name."""
    for (plugin, version), module in STAND_INS.items():
        _stand_in(pulumi_home, plugin, version, module)
    _policy_host(pulumi_home)
    _no_logs(pulumi_home)


def install_real(home: TwinHome, bridge: Path) -> None:
    """
    Put the vendors' own providers, which `bridge` runs, in the stand-in's place; AWS keeps its stand-in.

    Their processes, and no others, are told where the twin answers for the vendors.
    """
    aws = ("aws", "7.51.1")
    _stand_in(home.pulumi_real, *aws, STAND_INS[aws])
    _policy_host(home.pulumi_real)
    _no_logs(home.pulumi_real)
    # Here are the providers that the bridge loads: plugins/<this plugin>/<its executable>.
    environment = {"PULUMI_HOME": bridge.parents[1], **addresses(home)}
    told = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in environment.items())
    command = f'{told} exec {shlex.quote(str(bridge))} "$@"'
    _write(home.pulumi_real, "resource", *BRIDGE, command)


def addresses(home: TwinHome) -> dict[str, str]:
    """Return the environment in which the vendors' own providers find the twin's HTTP doors."""
    vendors = f"http://127.0.0.1:{home.port('vendors')}"
    return {
        "HTTPS_PROXY": f"http://127.0.0.1:{home.port('console')}",
        "NO_PROXY": "",
        "SSL_CERT_FILE": str(authority(home)),
        "UPTIMEROBOT_API_URL": f"{vendors}/uptimerobot/v3",
        "SENTRY_BASE_URL": f"{vendors}/sentry/api/",
    }


def _stand_in(pulumi_home: Path, plugin: str, version: str, module: str) -> None:
    # A plugin starts PostgreSQL's programs; gRPC's handlers of fork() crash the child (grpc/grpc#29044).
    command = f'GRPC_ENABLE_FORK_SUPPORT=0 exec {shlex.quote(sys.executable)} -m {module} "$@"'
    _write(pulumi_home, "resource", plugin, version, command)


def _policy_host(pulumi_home: Path) -> None:
    # Found on PATH as well, but then every run warns of it.
    _write(pulumi_home, "analyzer", "policy-python", VERSION, f'exec {shlex.quote(str(_POLICY_HOST))} "$@"')


def _no_logs(pulumi_home: Path) -> None:
    """
    Keep the CLI from logging all that it does, inputs of every resource included, at every start.

    That takes a fifth of an operation's processor time, and no setting of Pulumi 3.259.0 turns it off
    (`StartLogging` in pkg/logging/encrypted.go); but it goes without where the folder can't be made.
    """
    logs = pulumi_home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs, ignore_errors=True)
    logs.touch()


def _write(pulumi_home: Path, kind: str, name: str, version: str, command: str) -> None:
    folder = pulumi_home / "plugins" / f"{kind}-{name}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".partial"
    partial.write_text(f"#!/bin/sh\n{command}\n")
    partial.chmod(0o755)
    partial.replace(folder / f"pulumi-{kind}-{name}")
