"""What the engine holds of a deployed stack, with resources by name instead of by URN."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from installations import Installation

SECRET = "4dabf18193072939515e22adb298388d"
"""Key that marks an encrypted value in the engine's state (sdk/go/common/resource: SigKey)."""


def name_of(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and SECRET in value and "ciphertext" in value


@dataclass(frozen=True)
class Resource:
    """One resource of the state."""

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        return name_of(self.raw["urn"])

    @property
    def type(self) -> str:
        return self.raw["type"]

    @property
    def id(self) -> str:
        return self.raw["id"]

    @property
    def custom(self) -> bool:
        return self.raw["custom"]

    @property
    def inputs(self) -> dict[str, Any]:
        return self.raw.get("inputs", {})

    @property
    def outputs(self) -> dict[str, Any]:
        return self.raw.get("outputs", {})

    @property
    def protected(self) -> bool:
        return self.raw.get("protect", False)

    @property
    def parent(self) -> str:
        return name_of(self.raw["parent"])

    @property
    def provider(self) -> str:
        """Logical name of the provider."""
        return name_of(self.raw["provider"].rsplit("::", 1)[0])

    @property
    def dependencies(self) -> set[str]:
        return set(map(name_of, self.raw.get("dependencies") or ()))

    @property
    def property_dependencies(self) -> dict[str, set[str]]:
        """Return the inputs that come from other resources, and from which."""
        dependencies = self.raw.get("propertyDependencies") or {}
        return {name: set(map(name_of, urns)) for name, urns in dependencies.items() if urns}

    def option(self, name: str) -> Any:
        return self.raw.get(name)

    def policy(self, of: str = "policy") -> dict[str, dict[str, Any]]:
        """Return the statements of a policy document by their Sid; the only one without is ''."""
        return {statement.get("Sid", ""): statement for statement in json.loads(self.inputs[of])["Statement"]}


@dataclass(frozen=True)
class Deployment:
    """A stack that `./bulwark up` has deployed."""

    installation: Installation
    stack: str

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Return the resources by name; `test_components_shape` proves that names are unique."""
        return {name_of(raw["urn"]): Resource(raw) for raw in self.installation.resources(self.stack)}

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as the state holds them: secrets encrypted."""
        return self[f"bulwark-{self.stack}"].outputs

    def __getitem__(self, name: str) -> Resource:
        return self.resources[name]

    def children(self, parent: str) -> dict[str, str]:
        """Return name -> type of everything directly below."""
        return {
            resource.name: resource.type
            for resource in self.resources.values()
            if resource.raw.get("parent") and resource.parent == parent
        }

    def of_type(self, *types: str) -> Iterable[Resource]:
        return [resource for resource in self.resources.values() if resource.type in types]

    def custom(self) -> list[Resource]:
        """Return what exists at a vendor: no components, no providers."""
        return [
            resource
            for resource in self.resources.values()
            if resource.custom and not resource.type.startswith("pulumi:")
        ]

    def severity(self, level: str) -> list[str]:
        """Return the ids of the contacts that an incident of this level reaches, by production's settings."""
        channels = {
            "sev1": ("oncall", "incidents", "operations", "automation"),
            "sev2": ("incidents", "operations", "automation"),
            "sev3": ("incidents",),
            "sev4": ("operations",),
        }[level]
        return [self[f"alerting-{channel}"].id for channel in channels]
