"""Comparison and planning of values as Terraform does them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.provider.schema import Field, ListOf, MapOf, ObjectSchema, Scalar, Type
from twin.provider.values import UNKNOWN, has_unknown


@dataclass(frozen=True)
class Comparison:
    """How configured and actual values of one resource type are compared; see ResourceSpec and VendorSpec."""

    scalar_lists_are_sets: bool
    object_sets: frozenset[str]
    empty_is_unset: bool
    normalize: Mapping[str, Callable[[Any], Any]]
    empty_is_value: frozenset[str] = frozenset()

    def differs(self, name: str, field: Field, configured: Any, actual: Any) -> bool:
        """Tell whether the configured value changes the actual one. An unknown value does."""
        if configured is UNKNOWN:
            return True
        if configured is None or (
            field.computed and name not in self.empty_is_value and self._is_unset(configured)
        ):
            return not field.computed and actual is not None and not self._is_unset(actual)
        if actual is None and self._is_unset(configured):
            return False
        if name in self.normalize and not has_unknown(configured) and actual is not None:
            return self.normalize[name](configured) != self.normalize[name](actual)
        match field.type:
            case ObjectSchema(fields) if isinstance(actual, dict):
                return any(
                    self.differs(key, inner, configured.get(key), actual.get(key))
                    for key, inner in fields.items()
                )
            case ListOf(item) if isinstance(actual, list):
                return self._lists_differ(name, item, configured, actual)
            case MapOf() | Scalar() | ObjectSchema() | ListOf():
                return has_unknown(configured) or configured != actual

    def _is_unset(self, value: Any) -> bool:
        return self.empty_is_unset and value in ("", [], {})

    def _lists_differ(self, name: str, item: Type, configured: list[Any], actual: list[Any]) -> bool:
        if has_unknown(configured) or len(configured) != len(actual):
            return True
        if name in self.object_sets or (self.scalar_lists_are_sets and isinstance(item, Scalar)):
            configured, actual = sorted(configured, key=_sort_key), sorted(actual, key=_sort_key)
        element = Field(item)
        return any(self.differs(name, element, *pair) for pair in zip(configured, actual, strict=True))

    def narrow(self, configured: Any, actual: Any) -> Any:
        """Return the actual value without the keys that the program does not set."""
        if isinstance(configured, dict) and isinstance(actual, dict):
            properties: dict[str, Any] = configured
            return {
                key: self.narrow(value, actual[key])
                for key, value in properties.items()
                if actual.get(key) is not None
            }
        return actual


def parse_json(text: str) -> Any:
    """Return the JSON value of a text, or the text itself if it is not JSON, to compare texts by meaning."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def fill_computed(configured: Any, actual: Any, type_: Type) -> Any:
    """Add to a configured value what the vendor computes inside it."""
    match type_:
        case ObjectSchema(fields) if isinstance(configured, dict) and isinstance(actual, dict):
            properties: dict[str, Any] = configured
            vendor_properties: dict[str, Any] = actual
            complete = {
                key: fill_computed(properties[key], vendor_properties.get(key), field.type)
                if properties.get(key) is not None
                else vendor_properties.get(key)
                for key, field in fields.items()
                if properties.get(key) is not None or field.computed
            }
            return {key: value for key, value in complete.items() if value is not None}
        case ListOf(ObjectSchema() as item) if isinstance(actual, list) and len(configured) == len(actual):
            return [fill_computed(*pair, item) for pair in zip(configured, actual, strict=True)]
        case _:
            return configured


def plan_value(configured: Any, before: Any, field: Field, *, new: bool) -> Any:
    """Return a property's value after create or update, UNKNOWN where only the vendor knows it."""
    if configured is None:
        return (UNKNOWN if new else before) if field.computed else None
    match field.type:
        case ObjectSchema(fields) if isinstance(configured, dict):
            properties: dict[str, Any] = configured
            old_properties: dict[str, Any] = before if isinstance(before, dict) else {}
            planned = {
                key: plan_value(properties.get(key), old_properties.get(key), inner, new=not old_properties)
                for key, inner in fields.items()
            }
            return {key: value for key, value in planned.items() if value is not None}
        case ListOf(ObjectSchema() as item) if isinstance(configured, list):
            elements: list[Any] = configured
            return [plan_value(element, None, Field(item), new=True) for element in elements]
        case _:
            return configured


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
