"""Values in Terraform's terms: what differs, what is left to the vendor, what is known after apply."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.provider.schema import Field, ListOf, MapOf, ObjectSchema, Scalar, Type
from twin.provider.values import UNKNOWN, has_unknown


@dataclass(frozen=True)
class Comparison:
    """How wanted and present values of one resource type compare."""

    sets: bool
    sets_of_objects: frozenset[str]
    empty_is_unset: bool
    alike: Mapping[str, Callable[[Any], Any]]
    literal: frozenset[str] = frozenset()

    def differs(self, name: str, field: Field, wanted: Any, present: Any) -> bool:
        """Tell whether `wanted` asks for a change of `present`. What is unknown may."""
        if wanted is UNKNOWN:
            return True
        if wanted is None or (field.computed and name not in self.literal and self._unset(wanted)):
            return not field.computed and present is not None and not self._unset(present)
        if present is None and self._unset(wanted):
            return False
        if name in self.alike and not has_unknown(wanted) and present is not None:
            return self.alike[name](wanted) != self.alike[name](present)
        match field.type:
            case ObjectSchema(fields) if isinstance(present, dict):
                return any(
                    self.differs(key, inner, wanted.get(key), present.get(key))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - JSON
                    for key, inner in fields.items()
                )
            case ListOf(item) if isinstance(present, list):
                return self._lists_differ(name, item, wanted, present)  # pyright: ignore[reportUnknownArgumentType] - JSON
            case MapOf() | Scalar() | ObjectSchema() | ListOf():
                return has_unknown(wanted) or wanted != present

    def _unset(self, value: Any) -> bool:
        return self.empty_is_unset and value in ("", [], {})

    def _lists_differ(self, name: str, item: Type, wanted: list[Any], present: list[Any]) -> bool:
        if has_unknown(wanted) or len(wanted) != len(present):
            return True
        if name in self.sets_of_objects or (self.sets and isinstance(item, Scalar)):
            wanted, present = sorted(wanted, key=_order), sorted(present, key=_order)
        element = Field(item)
        return any(self.differs(name, element, *pair) for pair in zip(wanted, present, strict=True))

    def narrowed(self, said: Any, found: Any) -> Any:
        """Cut what was found down to the keys that the program sets."""
        if isinstance(said, dict) and isinstance(found, dict):
            inner: dict[str, Any] = said
            return {
                key: self.narrowed(value, found[key])
                for key, value in inner.items()
                if found.get(key) is not None  # pyright: ignore[reportUnknownMemberType] - JSON
            }
        return found  # pyright: ignore[reportUnknownVariableType] - JSON


def json_text(text: str) -> Any:
    """Read JSON, so that two texts can be compared by their meaning; any other text is itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def filled(said: Any, told: Any, type_: Type) -> Any:
    """Complete what the program said with what the vendor computes inside it."""
    match type_:
        case ObjectSchema(fields) if isinstance(said, dict) and isinstance(told, dict):
            inner: dict[str, Any] = said
            vendor: dict[str, Any] = told
            whole = {
                key: filled(inner[key], vendor.get(key), field.type)
                if inner.get(key) is not None
                else vendor.get(key)
                for key, field in fields.items()
                if inner.get(key) is not None or field.computed
            }
            return {key: value for key, value in whole.items() if value is not None}
        case ListOf(ObjectSchema() as item) if isinstance(told, list) and len(said) == len(told):  # pyright: ignore[reportUnknownArgumentType] - JSON
            return [filled(*pair, item) for pair in zip(said, told, strict=True)]  # pyright: ignore[reportUnknownArgumentType] - JSON
        case _:
            return said


def foretold(said: Any, before: Any, field: Field, *, new: bool) -> Any:
    """Say what a property will be after create or update, UNKNOWN where only the vendor knows."""
    if said is None:
        return (UNKNOWN if new else before) if field.computed else None
    match field.type:
        case ObjectSchema(fields) if isinstance(said, dict):
            inner: dict[str, Any] = said
            had: dict[str, Any] = before if isinstance(before, dict) else {}
            whole = {
                key: foretold(inner.get(key), had.get(key), nested, new=not had)
                for key, nested in fields.items()
            }
            return {key: value for key, value in whole.items() if value is not None}
        case ListOf(ObjectSchema() as item) if isinstance(said, list):
            elements: list[Any] = said
            return [foretold(element, None, Field(item), new=True) for element in elements]
        case _:
            return said


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
