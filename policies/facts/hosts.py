"""Environment variables that a stack declares at the hosts of its services."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, LiteralString

from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

COLLECTION: Final = "railway:index/variableCollection:VariableCollection"
PROJECT_VARIABLE: Final = "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable"

_HOLDS_SECRET: Final = re.compile(
    r"SECRET|TOKEN|PASSW(OR)?D|CREDENTIAL|PRIVATE|DSN|SALT|(API|ACCESS)_?KEY|(^|_)KEY($|_)"
    r"|(DATABASE|DB|REDIS|MONGO(DB)?|POSTGRES(QL)?|AMQP|CONNECTION)_?(URL|URI|STRING)"
)
"""In the names of variables whose values let somebody in."""


@dataclass(frozen=True)
class DeclaredVariable:
    """One variable of a service, as a resource declares it."""

    resource: Resource
    input: LiteralString
    """Input of the resource that has the value."""

    name: PropertyValue
    value: PropertyValue

    @property
    def holds_secret(self) -> bool:
        """Whether its name, as far as it is known, says that its value is a secret."""
        return isinstance(self.name, Known) and bool(_HOLDS_SECRET.search(str(self.name.value).upper()))


def list_variables(resource: Resource) -> Iterator[DeclaredVariable]:
    """Yield the variables of a resource; one with an unknown name where the resource's list is unknown."""
    if resource.type == PROJECT_VARIABLE:
        given = resource.at("value")
        value = resource.at("valueWo") if isinstance(given, Absent) else given
        yield DeclaredVariable(resource, "value", resource.at("key"), value)
        return
    for entry in resource.at("variables").each():
        yield DeclaredVariable(resource, "variables", entry.at("name"), entry.at("value"))


def variables_below(component: Resource, stack: PolicyStack) -> list[DeclaredVariable]:
    """Return the variables that a component's resources declare."""
    return [
        variable
        for resource in stack.of_type(COLLECTION, PROJECT_VARIABLE)
        if component in stack.ancestors(resource)
        for variable in list_variables(resource)
    ]


def is_named(variable: DeclaredVariable, ending: str) -> bool:
    """Tell whether a variable has a name, maybe after a build tool's prefix; an unknown one may have any."""
    match variable.name:
        case Known(str(name)):
            return name.endswith(ending)
        case Unknown():
            return True
        case _:
            return False
