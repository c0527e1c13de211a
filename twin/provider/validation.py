"""Validation of inputs: conversion to a schema's types, and type checks that a schema can't express."""

import difflib
from collections.abc import Iterator
from typing import Any

from twin.provider.schema import ListOf, MapOf, ObjectSchema, Scalar, Type
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties


def convert_inputs(inputs: Properties, schema: ObjectSchema) -> tuple[Properties, list[InputRefusal]]:
    """
    Convert inputs to the schema's types as the bridge does; return them with the refused ones.

    A numeric string becomes a number where one is due, a number or boolean becomes a string; whole numbers
    stay int. Unknown values have any type. The real bridge ignores unknown properties; here they are refused.
    """
    refusals: list[InputRefusal] = []
    return _convert_object(inputs, schema, "", refusals), refusals


def check_types(
    value: Any, type_: Type, fractions: frozenset[str], where: str = ""
) -> Iterator[InputRefusal]:
    """
    Refuse numbers with a fraction, and duplicate elements of sets, as terraform-plugin-framework does.

    Properties in `fractions` may have a fraction. Every list of scalars is a set.
    """
    if value is None or value is UNKNOWN:
        return
    match type_:
        case Scalar(name):
            has_fraction = name == "number" and isinstance(value, float)
            if has_fraction and where.rpartition(".")[2] not in fractions:
                yield InputRefusal(where, f"{where} must be a whole number, not {value!r}")
        case ObjectSchema(fields):
            for name, field in fields.items():
                path = f"{where}.{name}" if where else name
                yield from check_types(value.get(name), field.type, fractions, path)
        case ListOf(item):
            if isinstance(item, Scalar) and _has_duplicates(value):
                yield InputRefusal(where, f"{where} is a set and has an element twice")
            for index, element in enumerate(value):
                yield from check_types(element, item, fractions, f"{where}[{index}]")
        case MapOf():  # all maps in the schemas have values of type string
            pass


def _convert_object(value: Any, schema: ObjectSchema, where: str, refusals: list[InputRefusal]) -> Properties:
    if not isinstance(value, dict):
        refusals.append(InputRefusal(where, f"{where} must be an object, not {_type_name(value)}"))
        return {}
    converted: Properties = {}
    properties: Properties = value
    for name, item in properties.items():
        if name.startswith("__"):  # set by the engine
            continue
        path = f"{where}.{name}" if where else name
        field = schema.fields.get(name)
        if field is None:
            reason = f"there is no property {path}{_suggest_property(name, schema)}"
            refusals.append(InputRefusal(path, reason))
        elif item is not None:
            converted[name] = _convert_value(item, field.type, path, refusals)
    for name, field in schema.fields.items():
        if field.required and properties.get(name) is None:
            path = f"{where}.{name}" if where else name
            refusals.append(InputRefusal(path, f"{path} is required"))
    return converted


def _convert_value(value: Any, type_: Type, where: str, refusals: list[InputRefusal]) -> Any:
    if value is UNKNOWN:
        return value
    match type_:
        case ObjectSchema():
            return _convert_object(value, type_, where, refusals)
        case ListOf(item):
            if not isinstance(value, list):
                refusals.append(InputRefusal(where, f"{where} must be a list, not {_type_name(value)}"))
                return []
            elements: list[Any] = value
            return [
                _convert_value(element, item, f"{where}[{index}]", refusals)
                for index, element in enumerate(elements)
            ]
        case MapOf(item):
            if not isinstance(value, dict):
                refusals.append(InputRefusal(where, f"{where} must be a map, not {_type_name(value)}"))
                return {}
            entries: Properties = value
            return {
                key: _convert_value(entry, item, f"{where}[{key!r}]", refusals)
                for key, entry in entries.items()
            }
        case Scalar(name):
            return _convert_scalar(value, name, where, refusals)


def _convert_scalar(value: Any, name: str, where: str, refusals: list[InputRefusal]) -> Any:
    match name, value:
        case "string", bool():
            return "true" if value else "false"
        case "string", int() | float():
            return str(value)
        case (("number" | "integer"), str()) if (number := _parse_number(value)) is not None:
            return number
        case ("string", str()) | ("boolean", bool()) | ("any", _):
            return value
        case (("number" | "integer"), (int() | float())) if not isinstance(value, bool):
            return value
        case _:
            refusals.append(InputRefusal(where, f"{where} must be a {name}, not {_type_name(value)}"))
            return value


def _parse_number(text: str) -> int | float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _suggest_property(name: str, schema: ObjectSchema) -> str:
    close = difflib.get_close_matches(name, schema.fields, 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(schema.fields))}"


def _type_name(value: Any) -> str:
    """Return a value's type for a message. The value itself may be secret."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")


def _has_duplicates(elements: list[Any]) -> bool:
    return UNKNOWN not in elements and len(set(elements)) < len(elements)
