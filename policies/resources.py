"""The stack as rules see it: resources with what they declare, and how they hang together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pulumi_policy import PolicyResource

from policies.reading import Absent, Known, Reading

_RENAMED = re.compile(r"aws:s3/(bucket\w*)V2:(Bucket\w*)V2")


def canonical(token: str) -> str:
    """Return a type's current token; pulumi-aws 7 renamed every `aws:s3/bucket...V2` to its plain name."""
    return _RENAMED.sub(r"aws:s3/\1:\2", token)


@dataclass(frozen=True)
class Resource:
    """A resource of the stack. Equal by its URN."""

    urn: str
    raw: PolicyResource = field(repr=False, compare=False)
    declared: Mapping[str, Any] = field(repr=False, compare=False)
    """What the program says: its inputs, before any provider adds to them."""

    @property
    def name(self) -> str:
        return self.raw.name

    @cached_property
    def type(self) -> str:
        return canonical(self.raw.resource_type)

    @property
    def is_component(self) -> bool:
        return self.raw.provider is None and not self.type.startswith("pulumi:")

    @property
    def is_custom(self) -> bool:
        """Whether it stands for something at a vendor."""
        return self.raw.provider is not None

    def at(self, *path: str | int) -> Reading:
        """Read a declared input."""
        return Known(self.declared).at(*path)

    def output(self, *path: str | int) -> Reading:
        return Known(self.raw.props).at(*path)

    def configuration(self, *path: str | int) -> Reading:
        """Read an input of its provider."""
        return Known(self.raw.provider.props).at(*path) if self.raw.provider else Absent()


class Stack:
    """All resources in a stable order."""

    def __init__(
        self, resources: Iterable[PolicyResource], declared: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Take the engine's resources, and the inputs of those (by URN) that were announced beforehand."""
        found = (Resource(raw.urn, raw, declared.get(raw.urn, raw.props)) for raw in resources)
        self.resources = sorted(found, key=lambda resource: resource.urn)
        self._by_urn = {resource.urn: resource for resource in self.resources}
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            self._by_type[resource.type].append(resource)

    def of(self, token: str) -> list[Resource]:
        """Return the resources of a type (its current token)."""
        return self._by_type.get(token, [])

    def publishing(self, fact: str) -> list[Resource]:
        """Return the components that publish this fact, known or not."""
        return [
            resource
            for resource in self.resources
            if resource.is_component and not isinstance(resource.at(fact), Absent)
        ]

    def around(self, resource: Resource) -> list[Resource]:
        """Return its parent, that one's parent, and so on."""
        found: list[Resource] = []
        parent = resource.raw.parent
        while parent:
            found.append(self._by_urn[parent.urn])
            parent = parent.parent
        return found

    def behind(self, resource: Resource, name: str | None = None) -> list[Resource]:
        """Return what an input (or, unnamed, the resource) is made from; a first preview knows."""
        raw = resource.raw
        found = raw.dependencies if name is None else raw.property_dependencies.get(name, [])
        return [self._by_urn[dependency.urn] for dependency in found]
