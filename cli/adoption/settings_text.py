"""
Inserts settings into the text of a stack's file, and leaves the rest of the text unchanged.

A round trip through a YAML library keeps comments, but rewrites other lines too: ruamel.yaml 0.19.1 changes
13 lines of Pulumi.prod.yaml, because it has one way to write braces.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from core.documents import DocumentError, parse_yaml
from core.failure import Failure

SettingPath = tuple[str, ...]
"""The keys that lead to a setting, outermost first."""

_INDENT: Final = 2
_TAG_NULL: Final = "tag:yaml.org,2002:null"


def insert_settings(text: str, changes: Mapping[SettingPath, Any], *, file: str) -> str:
    """
    Return the text with each setting at its path.

    Missing mappings on a path are added. An existing value is replaced only if it is a scalar.

    Raises:
        Failure: a setting can't be inserted without changing something else, such as below an anchor.
    """
    wanted, after = parse_yaml(text), text
    for path, value in changes.items():
        wanted, after = _insert(wanted, path, value), _insert_text(after, path, value)
    if _parse(after) != wanted:
        written = ", ".join(".".join(path) for path in changes)
        raise Failure(
            f"{file} is written in a way that these settings can't be put into: {written}.",
            "write them by hand; `--json` has each with its value.",
        )
    return after


def _parse(text: str) -> Any:
    try:
        return parse_yaml(text)
    except DocumentError:
        return None


def _insert(node: Any, path: SettingPath, value: Any) -> Any:
    """Return the parsed document with the setting in it; the document itself stays unchanged."""
    if not path:
        return value
    mapping: dict[str, Any] = node if isinstance(node, dict) else {}
    return {**mapping, path[0]: _insert(mapping.get(path[0]), path[1:], value)}


def _insert_text(text: str, path: SettingPath, value: Any) -> str:
    node, rest = yaml.compose(text, Loader=yaml.SafeLoader), list(path)
    while isinstance(node, yaml.MappingNode):
        pair = next((pair for pair in node.value if pair[0].value == rest[0]), None)
        if pair is None:
            return _add_pair(text, node, rest[0], _nest(rest[1:], value))
        key, inner = pair
        rest.pop(0)
        empty = isinstance(inner, yaml.MappingNode) and not inner.value
        if not rest or empty or inner.tag == _TAG_NULL:
            return _replace_value(text, key, inner, _nest(rest, value), flow=empty or bool(node.flow_style))
        node = inner
    return text


def _nest(keys: Sequence[str], value: Any) -> Any:
    return {keys[0]: _nest(keys[1:], value)} if keys else value


def _add_pair(text: str, mapping: yaml.MappingNode, key: str, value: Any) -> str:
    """Add a pair after the last one of a mapping that is not empty."""
    last = _last_leaf(mapping)
    end = last.end_mark.index
    if mapping.flow_style:
        end = mapping.value[-1][1].end_mark.index
        return f"{text[:end]}, {_scalar(key)}: {to_inline_yaml(value)}{text[end:]}"
    if getattr(last, "style", None) in {"|", ">"}:
        # The end mark of a block scalar lies after the empty lines that follow it.
        end = len(text[:end].rstrip())
    newline = "\r\n" if "\r\n" in text else "\n"
    column = mapping.value[0][0].start_mark.column
    added = newline.join(_lines(key, value, column))
    line_end = text.find(newline, end)
    if line_end < 0:
        return f"{text}{newline}{added}{newline}"
    behind = line_end + len(newline)
    return f"{text[:behind]}{added}{newline}{text[behind:]}"


def _replace_value(text: str, key: yaml.Node, old: yaml.Node, value: Any, *, flow: bool) -> str:
    """Replace the value of a key."""
    end = old.end_mark.index
    if old.start_mark.index == end:  # the key has no value
        end = text.index(":", key.end_mark.index) + 1
    head = text[: key.end_mark.index] + ": "
    if flow or not isinstance(value, dict):
        return f"{head}{to_inline_yaml(value)}{text[end:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    column = key.start_mark.column + _INDENT
    inner = [line for name, entry in value.items() for line in _lines(name, entry, column)]
    return head.rstrip() + newline + newline.join(inner) + text[end:]


def _last_leaf(node: yaml.Node) -> yaml.Node:
    """Return the last node with text of its own, as the end mark of a block mapping lies too far behind."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _lines(key: str, value: Any, column: int) -> list[str]:
    # A block's key needs fewer quotes than one in braces.
    start = f"{' ' * column}{yaml.safe_dump([key], width=10**6).strip()[2:]}:"
    if not isinstance(value, dict):
        return [f"{start} {to_inline_yaml(value)}"]
    return [start, *(line for name, entry in value.items() for line in _lines(name, entry, column + _INDENT))]


def to_inline_yaml(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{_scalar(key)}: {to_inline_yaml(entry)}' for key, entry in value.items())} }}"
        )
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(to_inline_yaml(entry) for entry in value)}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    # In a list: a bare scalar would be followed by the document's end mark.
    return yaml.safe_dump([value], default_flow_style=True, width=10**6).strip()[1:-1]
