"""The bridged providers' schemas (schemas/*.json) as types to validate inputs with."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_SCHEMAS = Path(__file__).parents[2] / "schemas"


@dataclass(frozen=True)
class Scalar:
    """A JSON scalar, or any JSON value (`any`)."""

    name: Literal["string", "number", "integer", "boolean", "any"]


@dataclass(frozen=True)
class ListOf:
    """A list or a set; the schema does not distinguish them."""

    item: "Type"


@dataclass(frozen=True)
class MapOf:
    """An object with free keys."""

    item: "Type"


@dataclass(frozen=True)
class Field:
    """One property. `computed`: the provider chooses the value when the program leaves it out."""

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
    """The inputs and outputs of one resource type or data source."""

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
def load_package(name: str) -> Package:
    """Read the schema of a bridged provider. Raises FileNotFoundError for any other provider."""
    document = json.loads((_SCHEMAS / f"{name}.json").read_text())
    types = document["types"]
    return Package(
        name=document["name"],
        version=document["version"],
        resources={token: _parse_resource(spec, types) for token, spec in document["resources"].items()},
        functions={
            token: ResourceSchema(
                _parse_object(spec.get("inputs", {}), types), _parse_object(spec["outputs"], types)
            )
            for token, spec in document["functions"].items()
        },
    )


def _parse_resource(spec: dict[str, Any], types: dict[str, Any]) -> ResourceSchema:
    required = set(spec.get("requiredInputs", ()))
    always_output = set(spec.get("required", ()))
    inputs = {
        name: _parse_field(
            property_, types, required=name in required, computed=name in always_output - required
        )
        for name, property_ in spec.get("inputProperties", {}).items()
    }
    outputs = {
        name: inputs.get(name)
        or _parse_field(property_, types, required=False, computed=name in always_output)
        for name, property_ in spec["properties"].items()
    }
    return ResourceSchema(ObjectSchema(inputs), ObjectSchema(outputs))


def _parse_object(spec: dict[str, Any], types: dict[str, Any]) -> ObjectSchema:
    required = set(spec.get("required", ()))
    # An output that is always present, although it is optional as an input, is computed by the provider.
    always_output = set(spec.get("language", {}).get("nodejs", {}).get("requiredOutputs", ()))
    return ObjectSchema(
        {
            name: _parse_field(
                property_, types, required=name in required, computed=name in always_output - required
            )
            for name, property_ in spec.get("properties", {}).items()
        }
    )


def _parse_field(spec: dict[str, Any], types: dict[str, Any], *, required: bool, computed: bool) -> Field:
    return Field(_parse_type(spec, types), required, computed, spec.get("secret", False))


def _parse_type(spec: dict[str, Any], types: dict[str, Any]) -> Type:
    reference = spec.get("$ref", "")
    if reference.startswith("#/types/"):
        return _parse_object(types[reference.removeprefix("#/types/").replace("%2F", "/")], types)
    match spec.get("type"):
        case "array":
            return ListOf(_parse_type(spec["items"], types))
        case "object":
            return MapOf(_parse_type(spec.get("additionalProperties", {}), types))
        case "string" | "number" | "integer" | "boolean" as scalar:
            return Scalar(scalar)
        case _:
            return Scalar("any")
