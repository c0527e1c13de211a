"""Says in plain words what pydantic found wrong with a block of settings."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "extra_forbidden": lambda _: "is no setting of this block",
    "missing": lambda _: "is missing",
    "union_tag_not_found": lambda _: "is missing",
    "union_tag_invalid": lambda known: f"is none of {known['expected_tags']}",
    "literal_error": lambda known: f"is none of {known['expected'].replace(' or ', ', ')}",
    "int_type": lambda _: "must be a whole number, without quotes",
    "int_from_float": lambda _: "must be a whole number",
    "bool_type": lambda _: "must be true or false, without quotes",
    "string_type": lambda _: "must be a text; put it into quotes",
    "model_type": lambda _: "must be a block of settings",
    "model_attributes_type": lambda _: "must be a block of settings",
    "dict_type": lambda _: "must be a block of settings",
    "list_type": lambda _: "must be a list",
    "tuple_type": lambda _: "must be a list",
    "too_short": lambda known: f"{known['actual_length']} given; at least {known['min_length']} must be",
    "too_long": lambda known: f"{known['actual_length']} given; at most {known['max_length']} may be",
    "string_too_short": lambda known: f"must have at least {known['min_length']} characters",
    "string_too_long": lambda known: f"must have at most {known['max_length']} characters",
    "string_pattern_mismatch": lambda known: f"must match the pattern {known['pattern']}",
    "greater_than": lambda known: f"must be more than {known['gt']}",
    "greater_than_equal": lambda known: f"must be at least {known['ge']}",
    "less_than": lambda known: f"must be less than {known['lt']}",
    "less_than_equal": lambda known: f"must be at most {known['le']}",
}
"""Type of an error (pydantic, "Validation errors") -> its text, made of the error's context."""

_TAGS: Final = frozenset(("union_tag_invalid", "union_tag_not_found"))
_WITHOUT_VALUE: Final = frozenset(("extra_forbidden", "missing", "too_short", "too_long"))
_KEY: Final = "[key]"


def describe(block: str, content: Any, error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each error in a block's content."""
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and _has_error_below(detail, details):
            continue  # what is wrong in a list counts as left out of it
        path = ".".join([block, *_path(detail, content)])
        words = _WORDS.get(detail["type"])
        text = words(detail.get("ctx", {})) if words else _own_words(detail)
        if detail["input"] is None:
            yield path, "is empty"
        else:
            shown = _value(detail)
            yield path, f"{shown}; {text}" if shown else text


def _has_error_below(detail: ErrorDetails, others: list[ErrorDetails]) -> bool:
    place = detail["loc"]
    return any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in others)


def _path(detail: ErrorDetails, content: Any) -> Iterator[str]:
    """Yield the steps of the path as the file has them: without tags of unions and marks of keys."""
    *steps, last = detail["loc"] or ("",)
    for step in steps:
        inner = _step_into(content, step)
        if inner is not None:
            content = inner
            yield str(step)
    if last not in {_KEY, ""}:
        yield str(last)
    if detail["type"] in _TAGS:
        yield str(detail.get("ctx", {})["discriminator"]).strip("'")


def _step_into(content: Any, step: int | str) -> Any:
    match content, step:
        case dict(), str():
            return content.get(step)
        case list(), int() if step < len(content):
            return content[step]
        case _:
            return None


def _value(detail: ErrorDetails) -> str:
    if detail["type"] in _WITHOUT_VALUE or detail["type"] == "union_tag_not_found":
        return ""
    if detail["type"] == "union_tag_invalid":
        return repr(detail.get("ctx", {})["tag"])
    value = detail["input"]
    return "" if isinstance(value, (dict, list)) else repr(value)


def _own_words(detail: ErrorDetails) -> str:
    """Return the text of an error that a validator of this project raised."""
    message = detail["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}"
