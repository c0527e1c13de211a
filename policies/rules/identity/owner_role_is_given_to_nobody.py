"""The role that owns a database is refused if it is the application's, or its password goes to a job."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.hosts import COLLECTION, PROJECT_VARIABLE
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_DATABASE: Final = "neon:index/database:Database"
_ISSUER: Final = "neon:index/jwksUrl:JwksUrl"
_ROLE: Final = "neon:index/role:Role"
_APPLICATION: Final = "pulumi-python:dynamic/bulwark:ApplicationRole"
_OTHERS: Final = ("neon:", "pulumi-nodejs:", "pulumi-python:", COLLECTION, PROJECT_VARIABLE)
"""
Types that may have it: the database, and what the program itself does as its owner.

What a service at a host signs in as, a rule of its own asks.
"""


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    if isinstance(role.at("name"), Unknown):
        yield unknown_value(role, "name")
    elif role.type == _APPLICATION:
        yield message("it is the application's")
    for user in stack.view(_find_users)[role.urn]:
        yield message("{user} is given its password", user=user)
    for issuer in stack.of_type(_ISSUER):
        names = issuer.at("roleNames")
        if isinstance(names, Absent) or role.at("name") in names.each():
            yield message("{issuer} lets in as it whoever has a token of that issuer", issuer=issuer)


def _find_users(stack: PolicyStack) -> defaultdict[str, list[Resource]]:
    """Return the URN of each such role -> the resources of others that are made from it."""
    owners = {role.urn for role in _find_owners(stack)}
    users: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in stack.resources if owners else ():
        if resource.is_custom and not resource.type.startswith(_OTHERS):
            behind = {urn for found in resource.raw.propertyDependencies.values() for urn in found.urns}
            for urn in behind & owners:
                users[urn].append(resource)
    return users


def _find_owners(stack: PolicyStack) -> list[Resource]:
    """Return the roles that own a database of the stack, and those of which that is not known."""
    if not find_production(stack):
        return []
    databases = stack.of_type(_DATABASE)
    names = {str(name.value) for one in databases if isinstance(name := one.at("ownerName"), Known)}
    behind = {role.urn for one in databases for role in stack.dependencies(one, "ownerName")}
    return [
        role
        for role in stack.of_type(_ROLE, _APPLICATION)
        if role.urn in behind
        or (isinstance(name := role.at("name"), Known) and str(name.value) in names)
        or isinstance(role.at("name"), Unknown)
    ]


RULE: Final = Rule(
    id="owner-role-is-given-to-nobody",
    title="The password of the role that owns a database goes to no function and no job",
    violated="owns a database, and is used by something that runs",
    severity=Severity.HIGH,
    risk="Whoever breaks into the service drops the tables, or takes away the rights of everybody else.",
    fix="Give a service or a job a role of its own with the rights that it needs.",
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2, Control.CIS_6_8),
    subjects=_find_owners,
    judge=_judge,
)
