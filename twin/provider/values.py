"""Property values in plain Python, and their conversion from and to the engine's protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf import struct_pb2

Properties = dict[str, Any]
"""Property name -> bool, int, float, str, list, dict, None or UNKNOWN, nested to any depth."""


class _Unknown(Enum):
    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown.UNKNOWN
"""A value that is known only after the update has run."""

_UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # pulumi.runtime.rpc.UNKNOWN
_SIGNATURE = "4dabf18193072939515e22adb298388d"  # marks secrets, assets and outputs
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's name for "this is a secret", not one
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@dataclass(frozen=True)
class Secret:
    """A value to send to the engine marked as secret. Received secrets are unwrapped."""

    value: Any


def from_wire(struct: struct_pb2.Struct) -> Properties:
    """Convert to plain Python: whole numbers become int, secrets are unwrapped, unknowns become UNKNOWN."""
    return {name: _from_value(value) for name, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == _UNKNOWN_ON_THE_WIRE else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "struct_value":
            fields = from_wire(value.struct_value)
            match fields.get(_SIGNATURE):
                case signature if signature == _SECRET:
                    return fields["value"]
                case signature if signature == _OUTPUT:
                    return fields.get("value", UNKNOWN)
                case _:
                    return fields
        case _:
            return None


def to_wire(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Convert to the engine's protocol; properties that are None are left out, as by the real providers."""
    return struct_pb2.Struct(
        fields={name: _to_value(value) for name, value in properties.items() if value is not None}
    )


def _to_value(value: Any) -> struct_pb2.Value:
    match value:
        case _Unknown():
            return struct_pb2.Value(string_value=_UNKNOWN_ON_THE_WIRE)
        case Secret(content):
            return _to_value({_SIGNATURE: _SECRET, "value": content})
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case dict():
            return struct_pb2.Value(struct_value=to_wire(value))
        case list() | tuple():
            values = [_to_value(item) for item in value]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=values))
        case _:
            raise TypeError(f"a {type(value).__name__} is no property value")


def has_unknown(value: Any) -> bool:
    """Tell whether a value contains UNKNOWN at any depth."""
    match value:
        case dict():
            return any(has_unknown(item) for item in value.values())
        case list() | tuple():
            return any(has_unknown(item) for item in value)
        case _:
            return value is UNKNOWN
