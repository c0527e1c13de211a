"""What Terraform's plugin framework itself refuses by types that the bridged schema no longer has."""

from collections.abc import Iterator
from typing import Any

from local.plugins.base import Refusal
from local.plugins.schema import ListOf, MapOf, Object, Scalar, Type
from local.plugins.values import UNKNOWN


def ill_typed(value: Any, type_: Type, fractions: frozenset[str], where: str = "") -> Iterator[Refusal]:
    """
    Find fractions where a whole number is due, and sets that hold an element twice.

    `fractions` are the properties that may have one; every list of scalars is a set.
    """
    if value is None or value is UNKNOWN:
        return
    match type_:
        case Scalar(kind):
            fraction = kind == "number" and isinstance(value, float)
            if fraction and where.rpartition(".")[2] not in fractions:
                yield Refusal(where, f"{where} must be a whole number, not {value!r}")
        case Object(fields):
            for name, field in fields.items():
                inner = f"{where}.{name}" if where else name
                yield from ill_typed(value.get(name), field.type, fractions, inner)
        case ListOf(item):
            if isinstance(item, Scalar) and _has_twice(value):
                yield Refusal(where, f"{where} is a set and has an element twice")
            for index, element in enumerate(value):
                yield from ill_typed(element, item, fractions, f"{where}[{index}]")
        case MapOf():  # of text, all of them
            pass


def _has_twice(elements: list[Any]) -> bool:
    return UNKNOWN not in elements and len(set(elements)) < len(elements)
