"""
The provider packages that a program needs, declared to the engine as the official language host does it.

The Automation API declares none for an inline program. From the second run on, the engine then takes the
packages from the state and writes the bridge's version into the providers that the bridge serves: each of
them would show an update in a preview that should be empty, and again whenever plain `pulumi` and `./bulwark`
alternate. Pulumi 3.259.0: `computeDefaultProviderPackages` in pkg/engine/plugins.go.
"""

import base64
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pulumi.automation import PulumiFn
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, plugin_pb2

from engine.program import PLATFORM

_packages: Final[dict[PulumiFn, Sequence[str]]] = {}
"""Program -> the packages that it needs, where these are not all."""


def declare(program: PulumiFn | None = None, packages: Sequence[str] = PLATFORM.packages) -> None:
    """Let the Automation API answer with the packages from now on; of this program, with what it needs."""
    if program:
        _packages[program] = packages
    LanguageServer.GetRequiredPackages = _list_packages  # pyrefly: ignore[method-assign] - no other way


def _list_packages(
    self: LanguageServer,
    request: Any,  # noqa: ARG001 - the signature of that class's method
    context: Any,  # noqa: ARG001
) -> language_pb2.GetRequiredPackagesResponse:
    packages = _packages.get(self.program, PLATFORM.packages)
    return language_pb2.GetRequiredPackagesResponse(packages=map(_describe, packages))


def _describe(module: str) -> plugin_pb2.PackageDependency:
    spec = find_spec(module)  # finds the file and does not run it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    plugin = json.loads((Path(spec.origin).parent / "pulumi-plugin.json").read_text())
    package = plugin_pb2.PackageDependency(name=plugin["name"], kind="resource", version=plugin["version"])
    if parameter := plugin.get("parameterization"):
        package.parameterization.name = parameter["name"]
        package.parameterization.version = parameter["version"]
        package.parameterization.value = base64.b64decode(parameter["value"])
    return package
