"""A role to which a policy can be added by hand unnoticed is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE
from policies.facts.iam_roles import Roles
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_LISTS: Final = (
    ("aws:iam/rolePoliciesExclusive:RolePoliciesExclusive", "inlinePolicies"),
    ("aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", "managedPolicyArns"),
)
"""Type of the list of a role's inline or attached policies, and the role's own input in place of it."""


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    roles = stack.view(Roles)
    for kind, own in _LISTS:
        listed = any(role in roles.find_named(one, "roleName") for one in stack.of_type(kind))
        if not listed and isinstance(role.at(own), Absent):
            yield (
                message("nothing lists its inline policies")
                if own == "inlinePolicies"
                else message("nothing lists its attached policies")
            )


RULE: Final = Rule(
    id="role-policies-are-listed",
    title="A policy that somebody gives a role by hand is noticed, and taken away again",
    violated="keeps policies that nobody declared",
    severity=Severity.HIGH,
    risk="A policy of everything stays on a role for ever, while refresh says that nothing has drifted.",
    fix=(
        "Declare a RolePoliciesExclusive and a RolePolicyAttachmentsExclusive for the role, with the "
        "policies that it has."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2),
    subjects=of_type(ROLE),
    judge=_judge,
)
