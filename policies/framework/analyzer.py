"""
The SDK's server, reading the engine's messages itself.

pulumi-policy 1.21.0 decodes every resource anew for each policy that looks at it (pulumi/pulumi#6500), and in
doing so loses which values are secret (pulumi/pulumi-policy#241). Here a resource's inputs are put aside as
they arrive, the stack is read once, and the SDK is left with what it does well: levels, configuration and
diagnostics.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import policy

from policies.framework.evaluation import Evaluation
from policies.framework.pack import Pack
from policies.framework.stack import PolicyStack


def servicer(pack: Pack, then: Callable[[Evaluation], None]) -> type[Any]:
    """Return a servicer class that judges with this pack; `then` is given each judgement when it is over."""

    class Servicer(policy._PolicyAnalyzerServicer):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._announced: dict[str, struct_pb2.Struct] = {}

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
            del context
            self._announced[request.urn] = request.properties
            return analyzer_pb2.AnalyzeResponse()

        def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802
            del request, context
            return analyzer_pb2.RemediateResponse()

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802
            # The engine gives stack policies outputs. A component's facts are inputs, and are gone there as
            # soon as it registers outputs; what a provider will compute is unknown there, asked for or not.
            pack.judgement = Evaluation(
                PolicyStack(request.resources, self._announced, pack.drills), pack.waivers
            )
            answer = super().AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(), context)
            for found in answer.diagnostics:
                # The SDK knows the pack's severities alone, not those of a stack's configuration.
                found.severity = self._map_severity(pack.judgement.heard.get(found.policyName))
                if found.enforcementLevel == analyzer_pb2.ADVISORY:
                    pack.judgement.advisory.add(found.policyName)
            then(pack.judgement)
            return answer

    return Servicer


def install(pack: Pack, then: Callable[[Evaluation], None]) -> None:
    """Make the `PolicyPack` of this process serve with it."""
    policy._PolicyAnalyzerServicer = servicer(pack, then)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
