"""A service that signs in to its database as an owner, or as a role of Neon's API, is refused."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.facts.hosts import COLLECTION, PROJECT_VARIABLE, list_variables
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_ROLE: Final = "neon:index/role:Role"
"""Neon makes each role of its API a member of neon_superuser, and nobody can take that away."""


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    name = "value" if resource.type == PROJECT_VARIABLE else "variables"
    roles = stack.of_type(_ROLE)
    sources = stack.dependencies(resource, name)
    names = [role.at("name") for role in roles]
    users = [
        Known(urlsplit(variable.value.value).username)
        for variable in list_variables(resource)
        if isinstance(variable.value, Known) and isinstance(variable.value.value, str)
    ]
    if any(role in sources for role in roles) or any(user in names for user in users):
        yield message("it is given the address of a role that Neon's API made")


RULE: Final = Rule(
    id="host-role-is-limited",
    title="A service signs in to its database as a role that only changes rows",
    violated="gives a service too much of its database",
    severity=Severity.HIGH,
    risk="A hole in the service makes and drops databases and roles, and sees what row-level security hides.",
    fix=(
        "Make the service's role by SQL, as `ApplicationRole` does, and let migrations run as the owner; a "
        "role of Neon's API is a member of neon_superuser."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2),
    subjects=of_type(COLLECTION, PROJECT_VARIABLE),
    judge=_judge,
)
