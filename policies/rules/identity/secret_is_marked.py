"""A credential that the engine would not encrypt is refused."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pulumi_policy import Severity

from policies.facts.credentials import SECRET_OUTPUTS, makes_credential, secret_inputs
from policies.facts.hosts import PROJECT_VARIABLE
from policies.framework.controls import Control
from policies.framework.messages import Message, input_name, message
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_PARAMETER: Final = "aws:ssm/parameter:Parameter"
_MAY_BE_COMPUTED: Final = ("aws:secretsmanager/secretVersion:SecretVersion", PROJECT_VARIABLE)
_PAGERDUTY_KEY: Final = "pagerduty:index/serviceIntegration:ServiceIntegration"
_PLAIN_PARAMETERS: Final = (Known("String"), Known("StringList"))


def _subjects(stack: PolicyStack) -> list[Resource]:
    return [
        resource
        for resource in stack.resources
        if (resource.is_custom or resource.type.startswith("pulumi:providers:"))
        and secret_inputs(resource.type)
        and (not _is_plain(resource) or _gets_secret(resource, stack))
    ]


def _is_plain(resource: Resource) -> bool:
    return resource.type == _PARAMETER and resource.at("type") in _PLAIN_PARAMETERS


def _gets_secret(parameter: Resource, stack: PolicyStack) -> bool:
    """Tell whether a parameter that anybody reads who may list them is given a secret all the same."""
    values = [parameter.at(name) for name in secret_inputs(_PARAMETER)]
    is_secret = any(isinstance(value, Known | Unknown) and value.secret for value in values)
    return is_secret or makes_credential(stack.dependencies(parameter, "value"))


def _is_marked_output(resource: Resource, name: str, stack: PolicyStack) -> bool:
    """Tell whether an input is the key of another resource, which marks it as secret itself."""
    sources = stack.dependencies(resource, name)
    outputs = set(SECRET_OUTPUTS[_PAGERDUTY_KEY])
    return bool(sources) and all(
        source.type == _PAGERDUTY_KEY and outputs <= set(source.options.additionalSecretOutputs)
        for source in sources
    )


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if _is_plain(resource):
        yield message("it is of a type that keeps its value in clear")
        return
    # A secret's value may be made of others by the program. The engine says only of an unknown value that a
    # resource makes whether it is secret. The deployment judges the value again when it is known.
    computed = resource.options.additionalSecretOutputs if resource.type in _MAY_BE_COMPUTED else ()
    for name in secret_inputs(resource.type):
        match resource.at(name):
            case Known(secret=False):
                yield message("its {name} is not marked as secret", name=input_name(name))
            case Unknown(secret=False) if name not in computed and not _is_marked_output(
                resource, name, stack
            ):
                unknown = message(
                    "could not be decided: {name} of {it} is unknown", name=input_name(name), it=resource
                )
                yield replace(unknown, undecided=True)
            case _:
                pass


RULE: Final = Rule(
    id="secret-is-marked",
    title="Every credential that a resource is given is marked as secret",
    violated="is given a credential in clear",
    severity=Severity.CRITICAL,
    risk="The value stands readable in the state, in previews and in logs.",
    fix="Give it as pulumi.Output.secret(...), or from `./bulwark pulumi config set --secret`; a "
    "parameter of AWS Systems Manager has to be a SecureString.",
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17, Control.SOC_CC6_1),
    subjects=_subjects,
    judge=_judge,
)
