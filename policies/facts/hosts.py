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

_PRIVATE: Final = re.compile(
    r"SECRET|PASSW(OR)?D|CREDENTIAL|PRIVATE|SALT|SERVICE_ROLE"
    r"|(DATABASE|DB|REDIS|MONGO(DB)?|POSTGRES(QL)?|AMQP|CONNECTION)_?(URL|URI|STRING)"
)

_UNCHECKED: Final = {
    "GIT_SSL_NO_VERIFY": ("1", "true"),
    "NODE_TLS_REJECT_UNAUTHORIZED": ("0",),
    "PGSSLMODE": ("allow", "disable", "prefer"),
    "PYTHONHTTPSVERIFY": ("0",),
}
"""Variable -> the values by which a runtime talks to whoever answers, and shows them its secrets."""

_INSPECTED: Final = "NODE_OPTIONS"

_PUBLIC: Final = ("EXPO_PUBLIC_", "GATSBY_", "NEXT_PUBLIC_", "NUXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "VITE_")
"""Prefixes of variables that build tools write into scripts for browsers and apps."""


@dataclass(frozen=True)
class DeclaredVariable:
    """One variable of a service, as a resource declares it."""

    resource: Resource
    input: LiteralString
    """Input of the resource that has the value."""

    name: PropertyValue
    value: PropertyValue

    @property
    def is_private(self) -> bool:
        """Whether its name says that no visitor may have its value; keys may be made for browsers."""
        return isinstance(self.name, Known) and bool(_PRIVATE.search(str(self.name.value).upper()))

    @property
    def is_public(self) -> bool:
        """Whether a build tool writes its value into what every visitor gets."""
        return isinstance(self.name, Known) and str(self.name.value).upper().startswith(_PUBLIC)

    @property
    def holds_secret(self) -> bool:
        """Whether its name, as far as it is known, says that its value is a secret."""
        return isinstance(self.name, Known) and bool(_HOLDS_SECRET.search(str(self.name.value).upper()))


def trusts_anyone(variable: DeclaredVariable) -> bool:
    """Tell whether a variable makes a service talk to whom it does not check, or answer to a debugger."""
    match variable.name, variable.value:
        case Known(str(name)), Known(str(value)):
            upper = name.upper()
            return value.lower() in _UNCHECKED.get(upper, ()) or (
                upper == _INSPECTED and "--inspect" in value
            )
        case _:
            return False


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


def is_for_production(variable: DeclaredVariable) -> bool:
    """Tell whether a variable is set where a service runs: Vercel may keep it to previews, or to a branch."""
    resource = variable.resource
    if resource.type != PROJECT_VARIABLE:
        return True
    targets = resource.at("targets")
    return isinstance(resource.at("gitBranch"), Absent) and (
        Known("production") in targets.each() or isinstance(targets, Unknown)
    )


def is_named(variable: DeclaredVariable, ending: str) -> bool:
    """Tell whether a variable has a name, maybe after a build tool's prefix; an unknown one may have any."""
    match variable.name:
        case Known(str(name)):
            return name.endswith(ending)
        case Unknown():
            return True
        case _:
            return False
