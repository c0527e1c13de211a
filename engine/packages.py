"""
The provider packages that the program needs, told to the engine as the official language host tells them.

The Automation API tells nothing of an inline program. The engine then takes the packages from the state, from
the second run on, and writes the bridge's version into the providers that it serves: each of them would show
an update in a preview that should be empty, and again whenever plain `pulumi` takes turns with `./bulwark`.
Pulumi 3.259.0: `computeDefaultProviderPackages` in pkg/engine/plugins.go.
"""

import base64
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, plugin_pb2

_PACKAGES: Final = ("pulumi_aws", "pulumi_neon", "pulumi_uptimerobot", "pulumi_sentry")


def declare() -> None:
    """Let the Automation API tell the packages from now on."""
    LanguageServer.GetRequiredPackages = _required


def _required(
    self: LanguageServer,  # noqa: ARG001 - a method of that class
    request: Any,  # noqa: ARG001
    context: Any,  # noqa: ARG001
) -> language_pb2.GetRequiredPackagesResponse:
    return language_pb2.GetRequiredPackagesResponse(packages=map(_package, _PACKAGES))


def _package(module: str) -> plugin_pb2.PackageDependency:
    spec = find_spec(module)  # finds the file and does not run it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    told = json.loads((Path(spec.origin).parent / "pulumi-plugin.json").read_text())
    package = plugin_pb2.PackageDependency(name=told["name"], kind="resource", version=told["version"])
    if parameter := told.get("parameterization"):
        package.parameterization.name = parameter["name"]
        package.parameterization.version = parameter["version"]
        package.parameterization.value = base64.b64decode(parameter["value"])
    return package
