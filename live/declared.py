"""What a stack declares, from its state as the engine exports it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

StateResource = Mapping[str, Any]
"""A resource of a state: `urn`, `type`, `id`, `inputs`, `outputs`, `provider`."""

_RENAMED: Final = "V2:"
"""pulumi-aws 7 renamed each `aws:s3/bucketXV2:BucketXV2` to its plain name; a state may have the old one."""


class DeclaredStack:
    """The resources in a stack's state. Their secrets are encrypted, and nothing here reads one."""

    def __init__(self, resources: Iterable[StateResource]) -> None:
        self._resources = list(resources)
        self._by_urn = {str(resource["urn"]): resource for resource in self._resources}

    def of_type(self, token: str) -> list[StateResource]:
        """Return the resources that a provider manages; those that wait for their deletion are none."""
        return [
            resource
            for resource in self._resources
            if _plain(str(resource["type"])) == token
            and resource.get("custom")
            and not resource.get("delete")
        ]

    def ids(self, token: str) -> set[str]:
        return {str(resource.get("id", "")) for resource in self.of_type(token)}

    def provider_of(self, resource: StateResource) -> dict[str, Any]:
        """Return the inputs of a resource's provider; the engine keeps all but texts as JSON in a text."""
        urn = str(resource.get("provider", "")).rsplit("::", 1)[0]
        inputs: Mapping[str, Any] = self._by_urn.get(urn, {}).get("inputs") or {}
        return {key: _parse(value) for key, value in inputs.items()}


def name_of(resource: StateResource) -> str:
    """Return a resource's name in the stack, the last part of its URN."""
    return str(resource["urn"]).rpartition("::")[2]


def inputs_of(resource: StateResource) -> Mapping[str, Any]:
    return resource.get("inputs") or {}


def _plain(token: str) -> str:
    return token.replace(_RENAMED, ":").removesuffix("V2") if _RENAMED in token else token


def _parse(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in {"[", "{"}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
