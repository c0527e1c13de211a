"""
Reads documents that come from outside, such as a vault, a file or the environment, within limits.

Nobody can make a reader run out of memory, time or stack with a document: its size is checked before it is
parsed, its depth while it is parsed, and what the aliases of a YAML document stand for before it is built.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import yaml
from pydantic_core import ValidationError, from_json

from core.text import printable

if TYPE_CHECKING:  # a program that reads documents without a model starts faster without pydantic
    from pydantic import BaseModel

MAX_BYTES: Final = 4 << 20
"""Limit of documents of which each is some kilobytes, such as manifests."""

_MAX_YAML_BYTES: Final = 1 << 20
_MAX_YAML_NODES: Final = 100_000
"""What the document is after each alias has become what it stands for; Pulumi.prod.yaml has 400."""

_MAX_YAML_DEPTH: Final = 50
_TEXT: Final = "tag:yaml.org,2002:str"
_MAX_REASON: Final = 300
"""Characters of a message, which may name a key of the document."""

ModelT = TypeVar("ModelT", bound="BaseModel")


class DocumentError(ValueError):
    """A document that can't be read. Its text says why, in printable characters."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason)[:_MAX_REASON])


def read_json(body: bytes | str, model: type[ModelT], *, max_bytes: int = MAX_BYTES) -> ModelT:
    """
    Return a JSON document as a model.

    Types are strict, such as no text for a number, unless the model's configuration says otherwise.

    Raises:
        DocumentError: it is none.
    """
    parse_json(body, max_bytes=max_bytes)
    try:
        return model.model_validate_json(body, strict=model.model_config.get("strict", True))
    except ValidationError as error:
        raise DocumentError(describe_error(error)) from None


def parse_json(body: bytes | str, *, max_bytes: int = MAX_BYTES) -> Any:
    """
    Return the value of a JSON document.

    Raises:
        DocumentError: it is larger than `max_bytes`, nested deeper than 200, no JSON in UTF-8, has a key
            twice in one object, or a number that is not finite or too large for a floating-point number.
    """
    _require_size(body, max_bytes)
    try:
        # It limits the depth, to 200, and takes only what RFC 8259 allows, but it takes a key twice.
        from_json(body, allow_inf_nan=False, cache_strings=False)
        return json.loads(
            body,
            object_pairs_hook=_build_object,
            parse_int=_parse_integer,
            parse_float=_parse_float,
            parse_constant=_refuse_constant,
        )
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError(f"it is no JSON: {error}") from None


def parse_yaml(text: bytes | str, *, max_bytes: int = _MAX_YAML_BYTES) -> Any:
    """
    Return the value of a YAML document: what JSON has, and dates.

    Raises:
        DocumentError: it is too large, also after its aliases are replaced, nested deeper than 50, no YAML in
            UTF-8, has a tag of its own or a key that is no text or is there twice, or a number as
            `parse_json` refuses it.
    """
    _require_size(text, max_bytes)
    try:
        decoded = text if isinstance(text, str) else text.decode()
        _require_bounded(decoded)
        value = yaml.load(decoded, _Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise DocumentError(_describe_yaml_error(error)) from None
    except DocumentError:
        raise
    except ValueError:  # of int() or datetime(), which PyYAML passes on
        raise DocumentError("it has a number or a date that is none") from None
    _require_plain(value)
    return value


def read_file(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """
    Return the content of a file.

    Raises:
        DocumentError: it is larger.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        body = file.read(max_bytes + 1)
    _require_size(body, max_bytes)
    return body


def describe_error(error: ValidationError) -> str:
    """Return the first error of a document with its place, without any value of the document."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    path = ".".join(str(step) for step in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    text = f"{path}: {message}" if path else message[0].lower() + message[1:]
    return f"{text}, and {len(others)} more" if others else text


def _require_size(body: bytes | str, max_bytes: int) -> None:
    size = len(body) if isinstance(body, bytes) else len(body.encode(errors="surrogatepass"))
    if size > max_bytes:
        raise DocumentError(f"it is larger than {max_bytes:,} bytes")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise DocumentError("it has a key twice in one object")
    return built


def _parse_integer(text: str) -> int:
    return _require_range(int(text))


def _parse_float(text: str) -> float:
    return _require_range(float(text))


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(f"it has the number {name}, which is not finite")


Number = TypeVar("Number", int, float)


def _require_range(number: Number) -> Number:
    if not abs(number) <= sys.float_info.max:
        raise DocumentError("it has a number that is not finite, or too large for a floating-point number")
    return number


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is there twice, of which PyYAML takes the last (yaml/pyyaml#165)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise DocumentError(f"it has a key twice in one mapping, line {key.start_mark.line + 1}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Sizes:
    """Counts the nodes of a YAML document by its events; each alias counts as what it stands for."""

    def __init__(self) -> None:
        self.nodes = 0
        self._anchored: dict[str, int] = {}
        """Anchor -> number of nodes below it, once they have all been seen."""

        self._open: list[tuple[str | None, int]] = []
        """Anchor of each collection that has begun, and the number of nodes before it."""

    @property
    def depth(self) -> int:
        return len(self._open)

    def count(self, event: yaml.Event) -> None:
        match event:
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in self._anchored:
                    raise DocumentError(f"it has an alias without a value, line {_line(event)}")
                self.nodes += self._anchored[anchor]
            case yaml.CollectionEndEvent():
                anchor, before = self._open.pop()
                self._anchored[anchor or ""] = self.nodes - before
            case yaml.CollectionStartEvent(anchor=anchor):
                self._anchored.pop(anchor or "", None)
                self._open.append((anchor, self.nodes))
                self.nodes += 1
            case yaml.ScalarEvent(anchor=anchor):
                self._anchored[anchor or ""] = 1
                self.nodes += 1
            case _:
                pass


def _require_bounded(text: str) -> None:
    """Raise DocumentError unless the document is small and flat. Nothing is built or recursed into."""
    sizes = _Sizes()
    for event in yaml.parse(text, yaml.CSafeLoader):
        if getattr(event, "tag", None) not in {None, _TEXT}:
            raise DocumentError(f"it has a tag, line {_line(event)}; write plain values")
        sizes.count(event)
        if sizes.depth > _MAX_YAML_DEPTH:
            raise DocumentError(f"it is nested deeper than {_MAX_YAML_DEPTH}")
        if sizes.nodes > _MAX_YAML_NODES:
            raise DocumentError(f"it has more than {_MAX_YAML_NODES:,} values, with those of its aliases")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _require_plain(value: Any) -> None:
    """Raise DocumentError for a number or a key that JSON does not have."""
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise DocumentError("it has a key that is no text; put it into quotes")
                _require_plain(inner)
        case list():
            for inner in value:
                _require_plain(inner)
        case bool():
            pass
        case int() | float():
            _require_range(value)
        case _:
            pass


def _describe_yaml_error(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return "it is no YAML: it has a character that YAML does not allow"
    mark = error.problem_mark
    return f"it is no YAML{f', line {mark.line + 1}' if mark else ''}: {error.problem}"
