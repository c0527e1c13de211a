"""A secret that a host would show again, or that a state would hold in clear, is refused."""

from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.credentials import makes_credential
from policies.facts.hosts import COLLECTION, PROJECT_VARIABLE, list_variables, trusts_anyone
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, expect, of_type, one_of
from policies.framework.stack import PolicyStack, Resource

_HOSTED_PROJECT: Final = "vercel:index/project:Project"
_GIVING_AWAY: Final[dict[LiteralString, tuple[bool, LiteralString]]] = {
    "gitForkProtection": (False, "it builds the pull requests of forks with its variables"),
    "publicSource": (True, "it shows its source and its logs to anybody"),
}
"""Input of a project -> the value by which strangers get at what it has, and what then happens."""


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if resource.type == _HOSTED_PROJECT:
        yield from _judge_project(resource)
    else:
        yield from _judge_variables(resource, stack)


def _judge_project(project: Resource) -> Iterable[Message]:
    for name, (value, problem) in _GIVING_AWAY.items():
        if project.at(name) == Known(value):
            yield message(problem)
        elif isinstance(project.at(name), Unknown):
            yield unknown_value(project, name)


def _judge_variables(resource: Resource, stack: PolicyStack) -> Iterable[Message]:
    variables = list(list_variables(resource))
    if any(isinstance(one.name, Unknown) for one in variables):
        yield unknown_value(resource, "key" if resource.type == PROJECT_VARIABLE else "variables")
    unchecked = [one for one in variables if trusts_anyone(one)]
    if unchecked:
        yield message("{count} of its variables switch off checks", count=number(len(unchecked)))
    alone = resource.type == PROJECT_VARIABLE  # a collection does not say which variable is made of what
    from_credential = alone and makes_credential(stack.dependencies(resource, "value"))
    published = [one for one in variables if one.is_public and (one.is_private or from_credential)]
    if published:
        yield message(
            "{count} of its secrets are written into what visitors get", count=number(len(published))
        )
    secrets = [one for one in variables if one.holds_secret]
    if resource.type == PROJECT_VARIABLE:
        private = [one for one in variables if one.is_private or from_credential]
        if private and resource.at("targets") != Known(["production"]):
            yield message("it gives previews what production has")
        if secrets:
            yield from expect(resource, "sensitive", one_of(True), "must declare sensitive true")
        return
    in_clear = [one for one in secrets if isinstance(one.value, Known) and not one.value.secret]
    if in_clear:
        yield message("{count} of its secrets are not marked as secret", count=number(len(in_clear)))
    # Of a value that another resource makes, the engine does not say in a preview whether it is secret.
    computed = "variables" in resource.options.additionalSecretOutputs
    if not computed and any(isinstance(one.value, Unknown) and not one.value.secret for one in secrets):
        yield unknown_value(resource, "variables")


RULE: Final = Rule(
    id="host-secret-is-sensitive",
    title="Every secret that a host is given is hidden there, in the state, and from visitors",
    violated="gives a secret that can be read again",
    severity=Severity.HIGH,
    risk="Whoever may look at the project at the host, or at the state, reads the credential.",
    fix=(
        "Give a secret no build tool's prefix, such as VITE_. At Vercel declare sensitive true. At Railway "
        "give the value as pulumi.Output.secret(...), and declare variables among the additional secret "
        "outputs. Keep a project's source to its team, and the protection of its forks on."
    ),
    controls=(Control.NIST_IA_5_7, Control.ISO_A_5_17, Control.SOC_CC6_1),
    subjects=of_type(COLLECTION, PROJECT_VARIABLE, _HOSTED_PROJECT),
    judge=_judge,
)
