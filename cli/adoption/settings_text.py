"""
Puts settings into the text of a stack's file, which a person wrote and reads.

Nothing but the new settings changes. A round trip through a YAML library keeps comments, but respells what it
was not asked about: ruamel.yaml 0.19.1 changes 13 lines of Pulumi.prod.yaml, for it knows one way to write
braces.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from core.failure import Failure

SettingPath = tuple[str, ...]
"""The keys that lead to a setting, outermost first."""

_INDENT: Final = 2
_TAG_NULL: Final = "tag:yaml.org,2002:null"


def with_settings(text: str, changes: Mapping[SettingPath, Any], *, file: str) -> str:
    """
    Return the text with each setting at its path.

    A mapping on the way that is missing is made; a value that is there is replaced only if it is a scalar.

    Raises:
        Failure: where that can't be done without changing something else, such as below an anchor.
    """
    wanted, after = yaml.safe_load(text), text
    for path, value in changes.items():
        wanted, after = _with(wanted, path, value), _with_setting(after, path, value)
    if _parsed(after) != wanted:
        written = ", ".join(".".join(path) for path in changes)
        raise Failure(
            f"{file} is written in a way that these settings can't be put into: {written}.",
            "write them by hand; `--json` has each with its value.",
        )
    return after


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _with(node: Any, path: SettingPath, value: Any) -> Any:
    """Return what was read with the setting in it; two names of one mapping then differ."""
    if not path:
        return value
    mapping: dict[str, Any] = node if isinstance(node, dict) else {}
    return {**mapping, path[0]: _with(mapping.get(path[0]), path[1:], value)}


def _with_setting(text: str, path: SettingPath, value: Any) -> str:
    node, rest = yaml.compose(text, Loader=yaml.SafeLoader), list(path)
    while isinstance(node, yaml.MappingNode):
        pair = next((pair for pair in node.value if pair[0].value == rest[0]), None)
        if pair is None:
            return _added(text, node, rest[0], _nested(rest[1:], value))
        key, inner = pair
        rest.pop(0)
        empty = isinstance(inner, yaml.MappingNode) and not inner.value
        if not rest or empty or inner.tag == _TAG_NULL:
            return _replaced(text, key, inner, _nested(rest, value), flow=empty or bool(node.flow_style))
        node = inner
    return text


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _added(text: str, mapping: yaml.MappingNode, key: str, value: Any) -> str:
    """Add a pair behind the last one of a mapping that has some."""
    last = _leaf(mapping)
    end = last.end_mark.index
    if mapping.flow_style:
        end = mapping.value[-1][1].end_mark.index
        return f"{text[:end]}, {_scalar(key)}: {inline(value)}{text[end:]}"
    if getattr(last, "style", None) in {"|", ">"}:
        # The mark of a block scalar is behind the empty lines that follow it.
        end = len(text[:end].rstrip())
    newline = "\r\n" if "\r\n" in text else "\n"
    column = mapping.value[0][0].start_mark.column
    added = newline.join(_lines(key, value, column))
    line_end = text.find(newline, end)
    if line_end < 0:
        return f"{text}{newline}{added}{newline}"
    behind = line_end + len(newline)
    return f"{text[:behind]}{added}{newline}{text[behind:]}"


def _replaced(text: str, key: yaml.Node, old: yaml.Node, value: Any, *, flow: bool) -> str:
    """Put another value behind a key."""
    end = old.end_mark.index
    if old.start_mark.index == end:  # nothing is written there
        end = text.index(":", key.end_mark.index) + 1
    said = text[: key.end_mark.index] + ": "
    if flow or not isinstance(value, dict):
        return f"{said}{inline(value)}{text[end:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    column = key.start_mark.column + _INDENT
    inner = [line for name, one in value.items() for line in _lines(name, one, column)]
    return said.rstrip() + newline + newline.join(inner) + text[end:]


def _leaf(node: yaml.Node) -> yaml.Node:
    """Return the last node that has text of its own: the end of a block mapping is marked too late."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _lines(key: str, value: Any, column: int) -> list[str]:
    start = f"{' ' * column}{_scalar(key)}:"
    if not isinstance(value, dict):
        return [f"{start} {inline(value)}"]
    return [start, *(line for name, one in value.items() for line in _lines(name, one, column + _INDENT))]


def inline(value: Any) -> str:
    """Return a value as it is written within a line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_scalar(key)}: {inline(one)}' for key, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(one) for one in value)}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    # In a list, or the end of the document would be marked behind it.
    return yaml.safe_dump([value], default_flow_style=True, width=10**6).strip()[1:-1]
