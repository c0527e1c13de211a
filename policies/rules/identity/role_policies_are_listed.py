"""A role to which a policy can be added by hand unnoticed, or whose list removes one, is refused."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE
from policies.facts.iam_roles import Roles
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class _List:
    """The list of a role's inline or attached policies; whatever it lacks, the deployment removes."""

    type: str
    entries: str
    """Its input with their names or ARNs."""

    own: str
    """The role's own input in place of it."""

    listed_type: str
    """Type of the resources that it is about."""

    listed_name: str
    """Their input that stands in the list."""


_LISTS: Final = (
    _List(
        "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
        "policyNames",
        "inlinePolicies",
        "aws:iam/rolePolicy:RolePolicy",
        "name",
    ),
    _List(
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
        "policyArns",
        "managedPolicyArns",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "policyArn",
    ),
)


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    for kind in _LISTS:
        own = kind.own
        lists = stack.view(_index_by_role, kind.type, "roleName").get(role, [])
        for policy in stack.view(_index_by_role, kind.listed_type, "role").get(role, ()):
            if any(_leaves_out(one.at(kind.entries), policy.at(kind.listed_name)) for one in lists):
                yield message("its list takes {policy} away again", policy=policy)
        if not lists and isinstance(role.at(own), Absent):
            yield (
                message("nothing lists its inline policies")
                if own == "inlinePolicies"
                else message("nothing lists its attached policies")
            )


def _index_by_role(stack: PolicyStack, token: str, name: str) -> dict[Resource, list[Resource]]:
    """Return the resources of a type by the roles that an input of theirs names."""
    found: dict[Resource, list[Resource]] = defaultdict(list)
    for resource in stack.of_type(token):
        for role in dict.fromkeys(stack.view(Roles).find_named(resource, name)):
            found[role].append(resource)
    return found


def _leaves_out(entries: PropertyValue, name: PropertyValue) -> bool:
    """Tell whether a list certainly lacks a policy: a name that is not known may be any."""
    listed = entries.each()
    is_known = isinstance(entries, Known) and isinstance(name, Known) and Unknown() not in listed
    return is_known and name not in listed


RULE: Final = Rule(
    id="role-policies-are-listed",
    title="A role has the policies that are declared, and one that somebody adds by hand is taken away again",
    violated="keeps policies that nobody declared, or loses one that is declared",
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
