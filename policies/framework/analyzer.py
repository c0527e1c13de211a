"""
The pack's analyzer: the SDK's gRPC server, except that it decodes the engine's messages itself.

pulumi-policy 1.21.0 decodes every resource anew for each policy that looks at it (pulumi/pulumi#6500), and
loses which values are secret (pulumi/pulumi-policy#241). This server stores the inputs of each resource as
they arrive and decodes the stack once. Enforcement levels, configuration and diagnostics stay with the SDK.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import policy

from policies.framework import judged_before, unarmed
from policies.framework.evaluation import Evaluation
from policies.framework.pack import Pack
from policies.framework.stack import PolicyStack


def make_servicer(pack: Pack, on_evaluation: Callable[[Evaluation], None]) -> type[Any]:
    """Return a servicer class that evaluates this pack, and calls `on_evaluation` after each evaluation."""

    class Servicer(policy._PolicyAnalyzerServicer):  # noqa: SLF001 - no public way
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._declared_inputs: dict[str, struct_pb2.Struct] = {}
            self._settings: dict[str, dict[str, Any]] = {}
            self._relaxed: set[str] = set()

        def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name # pyrefly: ignore[bad-override-param-name] - called by position
            self._settings = {
                rule: json_format.MessageToDict(config.properties)
                for rule, config in request.policyConfig.items()
            }
            self._relaxed = {
                rule
                for rule, config in request.policyConfig.items()
                if config.enforcementLevel != analyzer_pb2.MANDATORY
            }
            return super().Configure(request, context)

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name # pyrefly: ignore[bad-override-param-name] - called by position
            del context
            self._declared_inputs[request.urn] = request.properties
            return analyzer_pb2.AnalyzeResponse()

        def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802 # pyrefly: ignore[bad-override-param-name] - called by position
            del request, context
            return analyzer_pb2.RemediateResponse()

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802 # pyrefly: ignore[bad-override-param-name] - called by position
            # The engine sends outputs to stack policies. A component's facts are inputs, which are missing
            # there once the component registers outputs. What a provider will compute is unknown there, even
            # if the program declares a value.
            unarmed.arm_declared(request.resources, self._declared_inputs)
            judged_before.write(request.resources, self._declared_inputs)
            others, their_inputs = judged_before.read()
            stack = PolicyStack(
                [*others, *request.resources],
                their_inputs | self._declared_inputs,
                pack.drill_history,
                self._settings,
            )
            pack.evaluation = Evaluation(stack, pack.waivers, self._relaxed)
            response = super().AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(), context)
            for diagnostic in response.diagnostics:
                # The SDK only knows the pack's severities, not those of the stack's configuration.
                severity = pack.evaluation.severities.get(diagnostic.policyName)
                diagnostic.severity = self._map_severity(severity)
                if diagnostic.enforcementLevel == analyzer_pb2.ADVISORY:
                    pack.evaluation.advisory.add(diagnostic.policyName)
            on_evaluation(pack.evaluation)
            return response

    return Servicer


def install(pack: Pack, on_evaluation: Callable[[Evaluation], None]) -> None:
    """Make the `PolicyPack` of this process use this pack's servicer."""
    policy._PolicyAnalyzerServicer = make_servicer(pack, on_evaluation)  # noqa: SLF001 - no public way
