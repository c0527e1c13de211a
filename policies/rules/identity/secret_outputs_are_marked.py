"""A credential output that neither the provider's schema nor the resource marks as secret is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.credentials import SECRET_OUTPUTS
from policies.facts.jobs import MONITOR
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_NEON: Final = "pulumi:providers:neon"


def _subjects(stack: PolicyStack) -> list[Resource]:
    return [resource for resource in stack.of_type(*SECRET_OUTPUTS) if _has_credential(resource)]


def _has_credential(resource: Resource) -> bool:
    if resource.type == MONITOR:  # only a heartbeat's URL is a credential; that of other monitors is public
        return resource.at("type") in (Known("HEARTBEAT"), Unknown())
    # A provider answers with what it was given; a key of the environment is no output.
    return resource.type != _NEON or resource.at("apiKey") != Absent()


def _judge(resource: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    marked = set(resource.options.additionalSecretOutputs)
    for name in SECRET_OUTPUTS[resource.type]:
        if name not in marked and resource.type == MONITOR and resource.at("type") == Unknown():
            yield unknown_value(resource, "type")
        elif name not in marked:
            yield message("its " + name + " is not among its additionalSecretOutputs")


RULE: Final = Rule(
    id="secret-outputs-are-marked",
    title="Every credential that a resource answers with is marked as secret",
    violated="answers with a credential in clear",
    severity=Severity.HIGH,
    risk="The generated SDK knows it for no secret, so the value stands readable in the state and in logs.",
    fix="Name it in the resource's additional_secret_outputs.",
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17),
    subjects=_subjects,
    judge=_judge,
)
