"""A resource of a type that the pack knows nothing of is refused."""

from collections.abc import Iterable, Mapping
from typing import Final

from pulumi_policy import Severity

from policies.facts.resource_types import CLASSIFIED_BY, TypeClass, TypeClasses
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.rule import Parameter, Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_TOKENS: Final = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[a-z0-9-]+:[^:]+:[A-Za-z0-9_]+$"},
    "uniqueItems": True,
}


def _find_unclassified(stack: PolicyStack) -> Mapping[str, list[Resource]]:
    classes = stack.view(TypeClasses)
    found: dict[str, list[Resource]] = {}
    for resource in stack.resources:
        if resource.is_custom and classes.of(resource) is TypeClass.NOT_CLASSIFIED:
            found.setdefault(resource.type, []).append(resource)
    return found


def _subjects(stack: PolicyStack) -> list[Resource]:
    # One for each type, and always the same one: the type is the cause.
    return [resources[0] for resources in stack.view(_find_unclassified).values()]


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    others = len(stack.view(_find_unclassified)[resource.type]) - 1
    if others:
        yield message("so are {others} more resources", others=number(others))
    else:
        yield message("whether data would be lost with it, nobody has said")


RULE: Final = Rule(
    id=CLASSIFIED_BY,
    title="Every resource is of a type of which it is known whether it holds data",
    violated="is of a type that is not classified",
    severity=Severity.HIGH,
    risk="Data could live in it of which no rule asks whether it comes back.",
    fix="Look up in the vendor's documentation whether data is lost with such a resource, and name its "
    "type in the rule's hold_data or hold_nothing.",
    controls=(Control.ISO_A_5_9, Control.NIST_CM_8, Control.CIS_1_1),
    subjects=_subjects,
    judge=_judge,
    parameters=(
        Parameter(
            "hold_data",
            [],
            _TOKENS,
            "types that hold data and that the pack has not classified, such as `acme:index/store:Store`; "
            "they are judged as stores",
            "never",
        ),
        Parameter(
            "hold_nothing",
            [],
            _TOKENS,
            "types that hold no data and that the pack has not classified; for a type that it has, this says "
            "nothing",
            "never",
        ),
    ),
)
