"""Holds inputs against a schema: unknown, missing and wrongly typed properties, and conversions."""

import difflib
from collections.abc import Iterator
from typing import Any

from twin.provider.schema import ListOf, MapOf, ObjectSchema, Scalar, Type
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties


class _Problems(list[InputRefusal]):
    def add(self, where: str, reason: str) -> None:
        self.append(InputRefusal(where, reason))


def conform(inputs: Properties, schema: ObjectSchema) -> tuple[Properties, list[InputRefusal]]:
    """
    Convert inputs to the schema's types as the bridge does, and list what does not fit.

    A numeric string is taken as a number, a number or boolean as a string; whole numbers stay whole. Unknown
    values fit anywhere. The real bridge ignores properties that it does not know; here they are refused.
    """
    problems = _Problems()
    return _object(inputs, schema, "", problems), list(problems)


def _object(value: Any, schema: ObjectSchema, where: str, problems: _Problems) -> Properties:
    if not isinstance(value, dict):
        problems.add(where, f"{where} must be an object, not {_kind(value)}")
        return {}
    converted: Properties = {}
    given: Properties = value
    for name, item in given.items():
        if name.startswith("__"):  # the engine's own notes
            continue
        path = f"{where}.{name}" if where else name
        field = schema.fields.get(name)
        if field is None:
            problems.add(path, f"there is no property {path}{_nearest(name, schema)}")
        elif item is not None:
            converted[name] = _value(item, field.type, path, problems)
    for name, field in schema.fields.items():
        if field.required and given.get(name) is None:
            path = f"{where}.{name}" if where else name
            problems.add(path, f"{path} is required")
    return converted


def _value(value: Any, type_: Type, where: str, problems: _Problems) -> Any:
    if value is UNKNOWN:
        return value
    match type_:
        case ObjectSchema():
            return _object(value, type_, where, problems)
        case ListOf(item):
            if not isinstance(value, list):
                problems.add(where, f"{where} must be a list, not {_kind(value)}")
                return []
            return [
                _value(element, item, f"{where}[{index}]", problems) for index, element in _numbered(value)
            ]
        case MapOf(item):
            if not isinstance(value, dict):
                problems.add(where, f"{where} must be a map, not {_kind(value)}")
                return {}
            entries: Properties = value
            return {key: _value(each, item, f"{where}[{key!r}]", problems) for key, each in entries.items()}
        case Scalar(name):
            return _scalar(value, name, where, problems)


def _scalar(value: Any, name: str, where: str, problems: _Problems) -> Any:
    match name, value:
        case "string", bool():
            return "true" if value else "false"
        case "string", int() | float():
            return str(value)
        case (("number" | "integer"), str()) if (number := _number(value)) is not None:
            return number
        case ("string", str()) | ("boolean", bool()) | ("any", _):
            return value
        case (("number" | "integer"), (int() | float())) if not isinstance(value, bool):
            return value
        case _:
            problems.add(where, f"{where} must be a {name}, not {_kind(value)}")
            return value


def _number(text: str) -> int | float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _nearest(name: str, schema: ObjectSchema) -> str:
    close = difflib.get_close_matches(name, schema.fields, 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(schema.fields))}"


def _kind(value: Any) -> str:
    """Name a value's type; never the value, which may be secret."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")


def _numbered(value: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(value)


def ill_typed(value: Any, type_: Type, fractions: frozenset[str], where: str = "") -> Iterator[InputRefusal]:
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
                yield InputRefusal(where, f"{where} must be a whole number, not {value!r}")
        case ObjectSchema(fields):
            for name, field in fields.items():
                inner = f"{where}.{name}" if where else name
                yield from ill_typed(value.get(name), field.type, fractions, inner)
        case ListOf(item):
            if isinstance(item, Scalar) and _has_twice(value):
                yield InputRefusal(where, f"{where} is a set and has an element twice")
            for index, element in enumerate(value):
                yield from ill_typed(element, item, fractions, f"{where}[{index}]")
        case MapOf():  # of text, all of them
            pass


def _has_twice(elements: list[Any]) -> bool:
    return UNKNOWN not in elements and len(set(elements)) < len(elements)
