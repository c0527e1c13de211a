"""Markdown of a stack's drift, for an issue: what was changed outside of the program, without values."""

from collections.abc import Iterable, Mapping
from typing import Any

from review.markdown import escape, format_input, truncate
from review.review import kind_of, name_of, type_of


def render(stack: str, steps: Iterable[Mapping[str, Any]]) -> str:
    """Return the Markdown. Its first line identifies the issue, so that the next run edits the same one."""
    lines = [
        marker(stack),
        f"`{stack}` is not what this repository declares:",
        "",
        "| resource | type | what happened to it |",
        "|---|---|---|",
        *(
            f"| {escape(name_of(step['urn']))} | {escape(kind_of(step['urn']))} | {describe(step)} |"
            for step in sorted(steps, key=lambda step: (type_of(step["urn"]), step["urn"]))
        ),
        "",
        "Wanted: declare it, by a pull request. Not wanted: the next deployment takes it back; read its plan "
        "where data is concerned. `./bulwark refresh` shows the same on your machine.",
    ]
    return truncate("\n".join(lines) + "\n")


def marker(stack: str) -> str:
    return f"<!-- bulwark drift: {stack} -->"


def describe(step: Mapping[str, Any]) -> str:
    """Return what happened to one resource."""
    return (
        "it is gone"
        if step["op"] == "delete"
        else f"changed: {', '.join(map(format_input, step['properties']))}"
    )
