"""An AWS provider without default tags for owner and origin is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameter, Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_TAGS: Final = Parameter(
    "tags",
    ["Project", "Environment", "ManagedBy"],
    {"type": "array", "items": {"type": "string"}},
    "names of the tags that every resource at AWS must have",
    looser="fewer",
)


def _judge(provider: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    tags = [provider.at("defaultTags", "tags", name) for name in limits[_TAGS.name]]
    missing = sum(not isinstance(tag, Unknown) and not _is_filled(tag) for tag in tags)
    if missing:
        yield message("its defaultTags lack {missing} of those that are demanded", missing=number(missing))
    if any(isinstance(tag, Unknown) for tag in tags):
        yield unknown_value(provider, "defaultTags")


def _is_filled(tag: object) -> bool:
    match tag:
        case Known(str(text)):
            return bool(text.strip())
        case _:
            return False


RULE: Final = Rule(
    id="provider-tags-everything",
    title="Every AWS provider tags what it makes with its owner and origin",
    violated="does not tag what it makes",
    severity=Severity.LOW,
    risk="In an incident nobody can tell which bucket or key belongs to what, or whether code manages it.",
    fix="Declare defaultTags with the tags of this rule's parameter `tags`, each with a value.",
    controls=(Control.NIST_CM_8, Control.ISO_A_5_9, Control.CIS_1_1),
    subjects=of_type("pulumi:providers:aws", "pulumi:providers:aws-native"),
    judge=_judge,
    parameters=(_TAGS,),
)
