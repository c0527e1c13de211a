"""The bridged providers' schemas (schemas/*.json) as types that inputs can be held against."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_SCHEMAS = Path(__file__).parents[2] / "schemas"


@dataclass(frozen=True)
class Scalar:
    """A JSON scalar, or anything at all."""

    name: Literal["string", "number", "integer", "boolean", "any"]


@dataclass(frozen=True)
class ListOf:
    """A list; whether order matters is not in the schema."""

    item: "Type"


@dataclass(frozen=True)
class MapOf:
    """An object with free keys."""

    item: "Type"


@dataclass(frozen=True)
class Field:
    """One property. `computed`: when left out, the provider decides."""

    type: "Type"
    required: bool = False
    computed: bool = False
    secret: bool = False


@dataclass(frozen=True)
class ObjectSchema:
    """An object with known keys, by their camelCase names."""

    fields: dict[str, Field]


Type = Scalar | ListOf | MapOf | ObjectSchema


@dataclass(frozen=True)
class ResourceSchema:
    """One resource type, or one data source: what may be asked for and what comes back."""

    inputs: ObjectSchema
    outputs: ObjectSchema


@dataclass(frozen=True)
class Package:
    """One bridged provider."""

    name: str
    version: str
    resources: dict[str, ResourceSchema]
    functions: dict[str, ResourceSchema]


@functools.cache
def package(name: str) -> Package:
    """Read one provider's schema. Raises FileNotFoundError for a provider that is not bridged."""
    document = json.loads((_SCHEMAS / f"{name}.json").read_text())
    types = document["types"]
    return Package(
        name=document["name"],
        version=document["version"],
        resources={token: _resource(spec, types) for token, spec in document["resources"].items()},
        functions={
            token: ResourceSchema(_object(spec.get("inputs", {}), types), _object(spec["outputs"], types))
            for token, spec in document["functions"].items()
        },
    )


def _resource(spec: dict[str, Any], types: dict[str, Any]) -> ResourceSchema:
    required = set(spec.get("requiredInputs", ()))
    always = set(spec.get("required", ()))
    inputs = {
        name: _field(property_, types, required=name in required, computed=name in always - required)
        for name, property_ in spec.get("inputProperties", {}).items()
    }
    outputs = {
        name: inputs.get(name) or _field(property_, types, required=False, computed=name in always)
        for name, property_ in spec["properties"].items()
    }
    return ResourceSchema(ObjectSchema(inputs), ObjectSchema(outputs))


def _object(spec: dict[str, Any], types: dict[str, Any]) -> ObjectSchema:
    required = set(spec.get("required", ()))
    # What an answer always has although it may be left out of a request: the provider computes it.
    always = set(spec.get("language", {}).get("nodejs", {}).get("requiredOutputs", ()))
    return ObjectSchema(
        {
            name: _field(property_, types, required=name in required, computed=name in always - required)
            for name, property_ in spec.get("properties", {}).items()
        }
    )


def _field(spec: dict[str, Any], types: dict[str, Any], *, required: bool, computed: bool) -> Field:
    return Field(_type(spec, types), required, computed, spec.get("secret", False))


def _type(spec: dict[str, Any], types: dict[str, Any]) -> Type:
    reference = spec.get("$ref", "")
    if reference.startswith("#/types/"):
        return _object(types[reference.removeprefix("#/types/").replace("%2F", "/")], types)
    match spec.get("type"):
        case "array":
            return ListOf(_type(spec["items"], types))
        case "object":
            return MapOf(_type(spec.get("additionalProperties", {}), types))
        case "string" | "number" | "integer" | "boolean" as scalar:
            return Scalar(scalar)
        case _:
            return Scalar("any")
