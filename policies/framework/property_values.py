"""
Three-valued property values: a value is known, not known yet, or absent.

The SDK passes properties as proxies whose `in`, `.get` and indexing raise on values that a preview does not
know. It turns such an exception into an advisory note, whatever the rule's level, and drops the marks of
secrets. So rules read the engine's own messages, decoded here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from google.protobuf import struct_pb2

_UNKNOWN: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""What the engine sends in place of unknown values, by type (pulumi/pulumi, resource/plugin/rpc.go)."""

_KIND: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark of a secret, none itself
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""Values of the key `_KIND` in secrets and outputs (pulumi/pulumi, resource/sig/sig.go)."""


class PropertyValue:
    """The value at a path of properties; match it with `Known(value)`, `Unknown()` and `Absent()`."""

    def at(self, *path: str | int) -> "PropertyValue":
        """Return the value at a path of keys and indexes. Below an unknown value all is unknown."""
        value = self
        for step in path:
            value = value._get(step)
        return value

    def each(self) -> "list[PropertyValue]":
        """Return the items of a list: one unknown item of an unknown list, none of anything else."""
        return []

    def items(self) -> "dict[str, PropertyValue]":
        """Return the entries of an object, none of anything else."""
        return {}

    def _get(self, step: str | int) -> "PropertyValue":
        del step
        return self


@dataclass(frozen=True)
class Known(PropertyValue):
    """A text, number (always a float), bool, list or object. It is never put into a message."""

    value: Any
    secret: bool = field(default=False, compare=False)
    """Whether the engine marks it, or an object or list around it, as a secret."""

    def each(self) -> list[PropertyValue]:
        if not isinstance(self.value, list):
            return []
        return [self._wrap(item) for item in cast("list[Any]", self.value)]

    def items(self) -> dict[str, PropertyValue]:
        if not isinstance(self.value, dict):
            return {}
        parts = {key: self._wrap(item) for key, item in cast("dict[str, Any]", self.value).items()}
        return {key: part for key, part in parts.items() if not isinstance(part, Absent)}

    def _get(self, step: str | int) -> PropertyValue:
        if isinstance(step, str):
            fields: Any = self.value
            return self._wrap(fields.get(step)) if isinstance(fields, dict) else Absent()
        entries = self.each()
        return entries[step] if step < len(entries) else Absent()

    def _wrap(self, part: Any) -> PropertyValue:
        match part:
            case None | Known(None):
                return Absent()
            case Known(value):
                return Known(value, secret=True)
            case Unknown():
                return Unknown(secret=True) if self.secret else part
            case _:
                return Known(part, self.secret)


@dataclass(frozen=True)
class Unknown(PropertyValue):
    """A value that only the deployment computes."""

    secret: bool = field(default=False, compare=False)
    """Whether the engine marks it as a secret."""

    def each(self) -> list[PropertyValue]:
        return [self]


@dataclass(frozen=True)
class Absent(PropertyValue):
    """No value, or null."""


def first_present(values: Iterable[PropertyValue], otherwise: PropertyValue | None = None) -> PropertyValue:
    """Return the first value that is not absent, or else `otherwise`; without that, an absent value."""
    return next((value for value in values if not isinstance(value, Absent)), otherwise or Absent())


def decode(message: struct_pb2.Struct) -> Known:
    """Decode a resource's properties as the engine sends them."""
    return Known(_decode_fields(message))


def decode_provider_inputs(configuration: Known) -> Known:
    """Decode a provider's inputs: the engine sends those that are not texts as JSON in a text."""
    return Known({key: _decode_json(value) for key, value in configuration.value.items()})


def _decode_json(value: Any) -> Any:
    if isinstance(value, Known):
        return Known(_decode_json(value.value), secret=True)
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _decode_value(value: struct_pb2.Value) -> Any:
    """Return a plain value, with an `Unknown` in place of each unknown and a `Known` around each secret."""
    match value.WhichOneof("kind"):
        case "string_value":
            return Unknown() if value.string_value in _UNKNOWN else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode_value(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_object(value.struct_value)
        case _:
            return None


def _decode_fields(message: struct_pb2.Struct) -> dict[str, Any]:
    # The order of a protobuf map changes from run to run.
    return {key: _decode_value(message.fields[key]) for key in sorted(message.fields)}


def _decode_object(message: struct_pb2.Struct) -> Any:
    fields = _decode_fields(message)
    match fields.get(_KIND):
        case kind if kind == _SECRET:
            return _mark_secret(fields.get("value"))
        case kind if kind == _OUTPUT:
            value = fields.get("value", Unknown())
            return _mark_secret(value) if fields.get("secret") else value
        case _:
            return fields


def _mark_secret(value: Any) -> Known | Unknown:
    match value:
        case Unknown():
            return Unknown(secret=True)
        case Known():
            return value
        case _:
            return Known(value, secret=True)
