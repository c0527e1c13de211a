"""The stack as rules see it: resources with their inputs, parents and dependencies."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

from google.protobuf import struct_pb2

from policies.framework.drill_history import DrillHistory
from policies.framework.property_values import Absent, Known, PropertyValue, decode, decode_provider_inputs

_RENAMED: Final = re.compile(r"aws:s3/(bucket\w*)V2:(Bucket\w*)V2")
_OF_A_VERSION: Final = re.compile(r"(azure-native:\w+)/v[0-9]{8}\w*(:\w+)")
_STACK: Final = "pulumi:pulumi:Stack"
_View = TypeVar("_View")


@lru_cache(maxsize=10_000)  # a stack has thousands of resources of a hundred types
def canonical_type(token: str) -> str:
    """
    Return a type's current token.

    pulumi-aws 7 renamed each `aws:s3/bucket...V2` to its plain name. At Azure a token may name the version of
    the API, which makes no other type of it.
    """
    return _OF_A_VERSION.sub(r"\1\2", _RENAMED.sub(r"aws:s3/\1:\2", token))


@dataclass(frozen=True)
class Resource:
    """A resource of the stack, compared by its URN."""

    urn: str
    raw: Any = field(repr=False, compare=False)
    """The engine's message, an AnalyzerResource."""

    declared: struct_pb2.Struct | None = field(default=None, repr=False, compare=False)
    """Its inputs as the program declares them, before a provider adds defaults."""

    paths_read: set[tuple[str | int, ...]] = field(
        default_factory=set[tuple[str | int, ...]], repr=False, compare=False
    )
    """The paths of the declared inputs that rules have asked for."""

    _views: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.raw.name

    @cached_property
    def type(self) -> str:
        return canonical_type(self.raw.type)

    @property
    def provider(self) -> str:
        """The URN of its provider; empty for a component."""
        return self.raw.provider.urn if self.raw.HasField("provider") else ""

    @cached_property
    def is_component(self) -> bool:
        return not self.is_custom and not self.type.startswith("pulumi:")

    @cached_property
    def is_custom(self) -> bool:
        """Whether a provider manages it, unlike a component."""
        return self.raw.HasField("provider")

    @property
    def options(self) -> Any:
        """Its options: protect, ignoreChanges, deleteBeforeReplace, additionalSecretOutputs."""
        return self.raw.options

    @cached_property
    def inputs(self) -> Known:
        """The inputs that the program declares; if the engine did not send them, the outputs."""
        inputs = self.outputs if self.declared is None else decode(self.declared)
        return decode_provider_inputs(inputs) if self.type.startswith("pulumi:providers:") else inputs

    @cached_property
    def outputs(self) -> Known:
        return decode(self.raw.properties)

    @cached_property
    def _provider_inputs(self) -> PropertyValue:
        return decode_provider_inputs(decode(self.raw.provider.properties)) if self.is_custom else Absent()

    def at(self, *path: str | int) -> PropertyValue:
        """Return the declared input at a path."""
        self.paths_read.add(path)
        return self.inputs.at(*path)

    def output(self, *path: str | int) -> PropertyValue:
        return self.outputs.at(*path)

    def view(self, compute: Callable[..., _View], *arguments: Hashable) -> _View:
        """Return what `compute` makes of the resource alone and arguments. It is computed once."""
        return _compute_once(self._views, self, compute, arguments)

    def provider_input(self, *path: str | int) -> PropertyValue:
        """Return the input of its provider at a path."""
        return self._provider_inputs.at(*path)


class PolicyStack:
    """All resources, in a stable order."""

    def __init__(
        self,
        resources: Iterable[Any],
        declared_inputs: Mapping[str, struct_pb2.Struct] | None = None,
        drill_history: DrillHistory | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """
        Index the resources.

        Args:
            resources: The engine's messages, one AnalyzerResource per resource.
            declared_inputs: URN -> the inputs that the program declares, as far as the engine sent them.
            drill_history: The drills of the stack's stores.
            settings: Rule id -> the parameters that are configured for it.
        """
        self.drill_history: Final = drill_history
        """The drills of the stack's stores; None if they are unknown."""

        self.settings: Final = settings or {}
        """Rule id -> its configured parameters, for facts that depend on one."""

        inputs = declared_inputs or {}
        unsorted = (Resource(raw.urn, raw, inputs.get(raw.urn)) for raw in resources)
        self.resources: Final = sorted(unsorted, key=lambda resource: resource.urn)
        self._by_urn = {resource.urn: resource for resource in self.resources}
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            self._by_type[resource.type].append(resource)
        self._views: dict[Any, Any] = {}

    @property
    def roots(self) -> list[Resource]:
        """The stack's own resource, after that of a stack which is judged together with it."""
        return self.of_type(_STACK)

    def get(self, urn: str) -> Resource | None:
        return self._by_urn.get(urn)

    def of_type(self, *tokens: str) -> list[Resource]:
        """Return the resources of these types (current tokens)."""
        return [resource for token in tokens for resource in self._by_type.get(token, [])]

    def view(self, compute: Callable[..., _View], *arguments: Hashable) -> _View:
        """Return what `compute` makes of the stack and arguments, such as an index. It is computed once."""
        return _compute_once(self._views, self, compute, arguments)

    def publishers(self, fact: str) -> list[Resource]:
        """Return the components that publish this fact, even if its value is unknown."""
        return self.view(_find_publishers, fact)

    def ancestors(self, resource: Resource) -> list[Resource]:
        """Return the resource's parent, its grandparent, and so on."""
        ancestors: list[Resource] = []
        parent = self._by_urn.get(resource.raw.parent)
        while parent:
            ancestors.append(parent)
            parent = self._by_urn.get(parent.raw.parent)
        return ancestors

    def dependencies(self, resource: Resource, name: str | None = None) -> list[Resource]:
        """Return what a resource, or one of its inputs, depends on. A first preview knows it."""
        raw = resource.raw
        urns = raw.dependencies if name is None else raw.propertyDependencies[name].urns
        return [self._by_urn[urn] for urn in urns if urn in self._by_urn]


def _compute_once(
    known: dict[Any, Any], subject: object, compute: Callable[..., _View], arguments: tuple[Hashable, ...]
) -> _View:
    key = (compute, arguments)
    try:
        return known[key]
    except KeyError:
        known[key] = compute(subject, *arguments)
    return known[key]


def _find_publishers(stack: PolicyStack, fact: str) -> list[Resource]:
    components = stack.view(_find_components)
    return [component for component in components if not isinstance(component.at(fact), Absent)]


def _find_components(stack: PolicyStack) -> list[Resource]:
    return [resource for resource in stack.resources if resource.is_component]
