"""Many inputs out of one: each property left out, set to values that may be wrong, and set twice."""

from collections.abc import Iterator
from typing import Any

from twin.provider.schema import ListOf, MapOf, ObjectSchema, Scalar, Type
from twin.provider.values import Properties

_SCALARS: dict[str, tuple[Any, ...]] = {
    "string": ("", "x", 7),
    "number": (-1, 0, 61, 10**9, 1.5, "7", "x"),
    "integer": (-1, 0, 61, 1.5, "x"),
    "boolean": (True, False, "x"),
    "any": (1,),
}


def variations(schema: ObjectSchema, base: Properties) -> Iterator[tuple[str, Properties]]:
    """Yield what differs from `base` in one property, at any depth, and how."""
    for name, field in schema.fields.items():
        present = base.get(name)
        if present is not None:
            yield f"without {name}", {key: value for key, value in base.items() if key != name}
        if isinstance(present, list):
            yield f"{name} twice", {**base, name: present * 2}
        for value in _samples(field.type):
            yield f"{name}={value!r}", {**base, name: value}
        match field.type:
            case ObjectSchema() as inner if isinstance(present, dict):
                for how, changed in variations(inner, present):
                    yield f"{name}.{how}", {**base, name: changed}
            case ListOf(ObjectSchema() as inner) if isinstance(present, list) and present:
                first, *rest = present
                for how, changed in variations(inner, first):
                    yield f"{name}[0].{how}", {**base, name: [changed, *rest]}
            case _:
                pass


def _samples(type_: Type) -> Iterator[Any]:
    match type_:
        case Scalar(name):
            yield from _SCALARS[name]
        case ListOf(ObjectSchema()):
            yield from ([], "x", [{}])
        case ListOf(item):
            yield from ([], "x", *([sample] for sample in _samples(item)))
        case MapOf():
            yield from ({}, {"a": "b"}, {"A": "b", "a": "c"}, {"x y": "b"}, "x")
        case ObjectSchema(fields):
            yield from ({}, "x", *({name: next(_samples(field.type))} for name, field in fields.items()))
