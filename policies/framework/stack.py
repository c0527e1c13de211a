"""The stack as rules see it: resources with what they declare, and how they hang together."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from google.protobuf import struct_pb2

from policies.framework.drill_history import Drills
from policies.framework.property_values import Absent, Known, Reading, decoded, unpacked

_RENAMED: Final = re.compile(r"aws:s3/(bucket\w*)V2:(Bucket\w*)V2")
_STACK: Final = "pulumi:pulumi:Stack"
_View = TypeVar("_View")


def canonical(token: str) -> str:
    """Return a type's current token; pulumi-aws 7 renamed every `aws:s3/bucket...V2` to its plain name."""
    return _RENAMED.sub(r"aws:s3/\1:\2", token)


@dataclass(frozen=True)
class Resource:
    """A resource of the stack. Equal by its URN."""

    urn: str
    raw: Any = field(repr=False, compare=False)
    """The engine's message, an AnalyzerResource."""

    announced: struct_pb2.Struct | None = field(default=None, repr=False, compare=False)
    """Its inputs, before any provider adds to them."""

    @property
    def name(self) -> str:
        return self.raw.name

    @cached_property
    def type(self) -> str:
        return canonical(self.raw.type)

    @property
    def provider(self) -> str:
        """The URN of its provider; empty for a component."""
        return self.raw.provider.urn if self.raw.HasField("provider") else ""

    @property
    def is_component(self) -> bool:
        return not self.is_custom and not self.type.startswith("pulumi:")

    @property
    def is_custom(self) -> bool:
        """Whether it stands for something at a vendor."""
        return self.raw.HasField("provider")

    @property
    def options(self) -> Any:
        """What its options say: protect, ignoreChanges, deleteBeforeReplace, additionalSecretOutputs."""
        return self.raw.options

    @cached_property
    def inputs(self) -> Known:
        """What the program says; where the engine announced nothing, what the provider answered."""
        found = self.outputs if self.announced is None else decoded(self.announced)
        return unpacked(found) if self.type.startswith("pulumi:providers:") else found

    @cached_property
    def outputs(self) -> Known:
        return decoded(self.raw.properties)

    @cached_property
    def _configuration(self) -> Reading:
        return unpacked(decoded(self.raw.provider.properties)) if self.is_custom else Absent()

    def at(self, *path: str | int) -> Reading:
        """Read a declared input."""
        return self.inputs.at(*path)

    def output(self, *path: str | int) -> Reading:
        return self.outputs.at(*path)

    def configuration(self, *path: str | int) -> Reading:
        """Read an input of its provider."""
        return self._configuration.at(*path)


class PolicyStack:
    """All resources in a stable order."""

    def __init__(
        self,
        resources: Iterable[Any],
        announced: Mapping[str, struct_pb2.Struct] | None = None,
        drills: Drills | None = None,
    ) -> None:
        """Take the engine's resources, and the inputs of those (by URN) that were announced beforehand."""
        self.drills: Final = drills
        """What is known of its drills; None: nothing."""
        inputs = announced or {}
        found = (Resource(raw.urn, raw, inputs.get(raw.urn)) for raw in resources)
        self.resources: Final = sorted(found, key=lambda resource: resource.urn)
        self._by_urn = {resource.urn: resource for resource in self.resources}
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            self._by_type[resource.type].append(resource)
        self._views: dict[Any, Any] = {}

    @property
    def root(self) -> Resource | None:
        """The stack itself; None where the engine sent none."""
        return next(iter(self.of(_STACK)), None)

    def get(self, urn: str) -> Resource | None:
        return self._by_urn.get(urn)

    def of(self, *tokens: str) -> list[Resource]:
        """Return the resources of some types (their current tokens)."""
        return [resource for token in tokens for resource in self._by_type.get(token, [])]

    def view(self, made: Callable[["PolicyStack"], _View]) -> _View:
        """Return what is made from the stack, such as an index; made once."""
        if made not in self._views:
            self._views[made] = made(self)
        return self._views[made]

    def publishing(self, fact: str) -> list[Resource]:
        """Return the components that publish this fact, known or not."""
        return [resource for resource in self.view(_components) if not isinstance(resource.at(fact), Absent)]

    def around(self, resource: Resource) -> list[Resource]:
        """Return its parent, that one's parent, and so on."""
        found: list[Resource] = []
        parent = self._by_urn.get(resource.raw.parent)
        while parent:
            found.append(parent)
            parent = self._by_urn.get(parent.raw.parent)
        return found

    def behind(self, resource: Resource, name: str | None = None) -> list[Resource]:
        """Return what an input (or, unnamed, the resource) is made from; a first preview knows."""
        raw = resource.raw
        found = raw.dependencies if name is None else raw.propertyDependencies[name].urns
        return [self._by_urn[urn] for urn in found if urn in self._by_urn]

    def made_from(self, resource: Resource, token: str) -> list[Resource]:
        """Return the resources of a type that depend on this one; each names it, or is made from it."""
        return [other for other in self.of(token) if resource in self.behind(other)]


def _components(stack: PolicyStack) -> list[Resource]:
    return [resource for resource in stack.resources if resource.is_component]
