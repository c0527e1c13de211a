"""Installs plugins into the twin's private PULUMI_HOMEs, as the CLI does after a download."""

import shlex
import shutil
import sys
from pathlib import Path

from toolchain.engine import VERSION
from toolchain.providers import AWS, BRIDGE, PAGERDUTY
from twin.host.home import TwinHome
from twin.host.tls_proxy import authority_file

STAND_INS = {
    BRIDGE: "twin.bridge_plugin",
    AWS: "twin.aws.provider",
    PAGERDUTY: "twin.pagerduty_plugin",
}
"""(plugin, version) -> module. The SDKs require these versions."""


_HOSTS = Path(__file__).parents[1] / "toolchain" / "bin"


def install_stand_ins(pulumi_home: Path) -> None:
    """Write the stand-ins' launchers; a plugin is a folder with one executable of a fixed name."""
    for (plugin, version), module in STAND_INS.items():
        _install_stand_in(pulumi_home, plugin, version, module)
    _install_python_hosts(pulumi_home)
    _disable_logs(pulumi_home)


def install_real_providers(home: TwinHome, bridge: Path) -> None:
    """
    Install the real bridge at path `bridge`, which runs the vendors' own providers.

    AWS and PagerDuty keep their stand-ins.

    The launcher sets the addresses of the twin's HTTP APIs for these processes and no others.
    """
    for kept in (AWS, PAGERDUTY):
        _install_stand_in(home.pulumi_real, *kept, STAND_INS[kept])
    _install_python_hosts(home.pulumi_real)
    _disable_logs(home.pulumi_real)
    # `bridge` is <PULUMI_HOME>/plugins/<plugin>/<executable>; it loads the vendors' providers from there.
    environment = {"PULUMI_HOME": bridge.parents[1], **vendor_environment(home)}
    assignments = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in environment.items())
    command = f'{assignments} exec {shlex.quote(str(bridge))} "$@"'
    _write_launcher(home.pulumi_real, "resource", *BRIDGE, command)


def vendor_environment(home: TwinHome) -> dict[str, str]:
    """Return the environment variables that point the vendors' own providers to the twin's HTTP APIs."""
    vendors = f"http://127.0.0.1:{home.port('vendors')}"
    return {
        "HTTPS_PROXY": f"http://127.0.0.1:{home.port('console')}",
        "NO_PROXY": "",
        "SSL_CERT_FILE": str(authority_file(home)),
        "UPTIMEROBOT_API_URL": f"{vendors}/uptimerobot/v3",
        "SENTRY_BASE_URL": f"{vendors}/sentry/api/",
    }


def _install_stand_in(pulumi_home: Path, plugin: str, version: str, module: str) -> None:
    # A plugin starts PostgreSQL's programs; gRPC's handlers of fork() crash the child (grpc/grpc#29044).
    command = f'GRPC_ENABLE_FORK_SUPPORT=0 exec {shlex.quote(sys.executable)} -m {module} "$@"'
    _write_launcher(pulumi_home, "resource", plugin, version, command)


def _install_python_hosts(pulumi_home: Path) -> None:
    # The CLI would find them on PATH too, with a warning in every run.
    for kind, name in (("analyzer", "policy-python"), ("resource", "pulumi-python")):
        host = _HOSTS / f"pulumi-{kind}-{name}"
        _write_launcher(pulumi_home, kind, name, VERSION, f'exec {shlex.quote(str(host))} "$@"')


def _disable_logs(pulumi_home: Path) -> None:
    """
    Put a file in the place of the CLI's log folder: the CLI writes no log if it can't create the folder.

    The log holds every operation with all inputs, and takes a fifth of an operation's processor time. No
    setting of Pulumi 3.259.0 turns it off (`StartLogging` in pkg/logging/encrypted.go).
    """
    logs = pulumi_home / "logs"
    if logs.is_dir():
        shutil.rmtree(logs, ignore_errors=True)
    logs.touch()


def _write_launcher(pulumi_home: Path, kind: str, name: str, version: str, command: str) -> None:
    folder = pulumi_home / "plugins" / f"{kind}-{name}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".partial"
    partial.write_text(f"#!/bin/sh\n{command}\n")
    partial.chmod(0o755)
    partial.replace(folder / f"pulumi-{kind}-{name}")
