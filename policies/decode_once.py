"""
The SDK's server, decoding a stack once instead of once for every policy.

pulumi-policy 1.21.0 rebuilds all resources from their messages before each stack policy: 0.2 s for 500
resources, so 10 s with 50 policies (pulumi/pulumi#6500). Here the first policy gets them, and the others, who
share what it built (policies.pack), get none.
"""

from collections.abc import Sequence
from typing import Any

from pulumi_policy import policy


class _Once:
    """A request whose resources can be taken once."""

    def __init__(self, resources: Sequence[Any]) -> None:
        self._left = [resources]

    @property
    def resources(self) -> Sequence[Any]:
        return self._left.pop() if self._left else ()


class Servicer(policy._PolicyAnalyzerServicer):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
    """Serves the engine."""

    def AnalyzeStack(self, request: Any, _context: Any) -> Any:  # noqa: N802 - gRPC's name
        return super().AnalyzeStack(_Once(request.resources), _context)


def install() -> None:
    """Make every `PolicyPack` of this process serve with it."""
    policy._PolicyAnalyzerServicer = Servicer  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
