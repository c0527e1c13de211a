"""
Three-valued reading of what the engine sends: a value is known, not known yet, or absent.

The SDK hands properties over as proxies whose `in`, `.get` and indexing raise on values that a preview does
not know; it turns such an exception into an advisory note, whatever the rule's level, and drops the marks of
secrets. So rules read the engine's own messages, with this.
"""

import json
from collections.abc import Iterable, Mapping
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
"""What the engine writes in place of what it does not know (pulumi/pulumi, resource/plugin/rpc.go)."""

_KIND: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark of a secret, none itself
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""The engine's marks of special objects, by the key `_KIND` (pulumi/pulumi, resource/sig/sig.go)."""


class Reading:
    """What stands at a path; match it with `Known(value)`, `Unknown()` and `Absent()`."""

    def at(self, *path: str | int) -> "Reading":
        """Read deeper, by key or index; what is below the unknown is unknown, below a plain value absent."""
        reading = self
        for step in path:
            reading = reading._step(step)
        return reading

    def each(self) -> "list[Reading]":
        """Return a list's items; none for what is absent or no list, one unknown for what is unknown."""
        return []

    def items(self) -> "dict[str, Reading]":
        """Return an object's entries; none for what is no object."""
        return {}

    def _step(self, step: str | int) -> "Reading":
        del step
        return self


@dataclass(frozen=True)
class Known(Reading):
    """A value: text, number (a float, whatever it was), bool, list or object; never put into a message."""

    value: Any
    secret: bool = field(default=False, compare=False)
    """Whether the engine marks it, or what it is part of, as a secret."""

    def each(self) -> list[Reading]:
        if not isinstance(self.value, list):
            return []
        return [self._part(item) for item in cast("list[Any]", self.value)]

    def items(self) -> dict[str, Reading]:
        if not isinstance(self.value, Mapping):
            return {}
        parts = {key: self._part(item) for key, item in cast("Mapping[str, Any]", self.value).items()}
        return {key: part for key, part in parts.items() if not isinstance(part, Absent)}

    def _step(self, step: str | int) -> Reading:
        if isinstance(step, str):
            return self._part(self.value.get(step)) if isinstance(self.value, Mapping) else Absent()
        entries = self.each()
        return entries[step] if step < len(entries) else Absent()

    def _part(self, part: Any) -> Reading:
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
class Unknown(Reading):
    """Only the deployment will tell."""

    secret: bool = field(default=False, compare=False)
    """Whether the engine marks it as a secret all the same."""

    def each(self) -> list[Reading]:
        return [self]


@dataclass(frozen=True)
class Absent(Reading):
    """Not there, or null."""


def first(readings: Iterable[Reading], otherwise: Reading | None = None) -> Reading:
    """Return the first that isn't absent, else `otherwise`, which is absent unless given."""
    return next((one for one in readings if not isinstance(one, Absent)), otherwise or Absent())


def decoded(message: struct_pb2.Struct) -> Known:
    """Read the properties of a resource as the engine sends them."""
    return Known(_fields(message))


def unpacked(configuration: Known) -> Known:
    """Read a provider's inputs: whatever is no text stands there as JSON, in a text."""
    return Known({key: _unpacked(value) for key, value in configuration.value.items()})


def _unpacked(value: Any) -> Any:
    if isinstance(value, Known):
        return Known(_unpacked(value.value), secret=True)
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _value(value: struct_pb2.Value) -> Any:
    """Return a plain value; inside it, an `Unknown` for what is unknown and a `Known` for what is secret."""
    match value.WhichOneof("kind"):
        case "string_value":
            return Unknown() if value.string_value in _UNKNOWN else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case "struct_value":
            return _object(value.struct_value)
        case _:
            return None


def _fields(message: struct_pb2.Struct) -> dict[str, Any]:
    # Protobuf's own order changes from run to run.
    return {key: _value(message.fields[key]) for key in sorted(message.fields)}


def _object(message: struct_pb2.Struct) -> Any:
    fields = _fields(message)
    match fields.get(_KIND):
        case kind if kind == _SECRET:
            value = fields.get("value")
            return _marked(value)
        case kind if kind == _OUTPUT:
            value = fields.get("value", Unknown())
            return _marked(value) if fields.get("secret") else value
        case _:
            return fields


def _marked(value: Any) -> Known | Unknown:
    match value:
        case Unknown():
            return Unknown(secret=True)
        case Known():
            return value
        case _:
            return Known(value, secret=True)
