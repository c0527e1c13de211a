"""A store that a deploy may delete is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.stores import protected_resources
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(resource: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if not resource.options.protect:
        yield message("{resource} does not set the option protect", resource=resource)


RULE: Final = Rule(
    id="store-is-protected",
    title="Everything whose deletion would lose data refuses to be deleted or replaced",
    violated="may be deleted by a deploy",
    severity=Severity.CRITICAL,
    risk="A renamed resource, a changed input, or a destroy on the wrong stack deletes the data.",
    fix="Set the resource option protect; whoever wants to delete it must take that away first, in a review.",
    controls=(Control.NIST_CM_3, Control.SOC_CC8_1, Control.ISO_A_8_13, Control.CIS_11_3),
    subjects=protected_resources,
    judge=_judge,
)
