"""What was changed behind the stack's back, as Markdown for an issue; never a property's value."""

from collections.abc import Iterable, Mapping
from typing import Any

from review.markdown import code, plain, shortened
from review.review import kind_of, name_of, type_of


def render(stack: str, steps: Iterable[Mapping[str, Any]]) -> str:
    """Return the text; its first line marks the issue, so that the next night edits it."""
    lines = [
        marker(stack),
        f"`{stack}` is not what this repository declares:",
        "",
        "| resource | type | what happened to it |",
        "|---|---|---|",
        *(
            f"| {plain(name_of(step['urn']))} | {plain(kind_of(step['urn']))} | {what(step)} |"
            for step in sorted(steps, key=lambda step: (type_of(step["urn"]), step["urn"]))
        ),
        "",
        "Wanted: declare it, by a pull request. Not wanted: the next deployment takes it back; read its plan "
        "where data is concerned. `./bulwark refresh` shows the same on your machine.",
    ]
    return shortened("\n".join(lines) + "\n")


def marker(stack: str) -> str:
    return f"<!-- bulwark drift: {stack} -->"


def what(step: Mapping[str, Any]) -> str:
    """Say what became of one resource."""
    return "it is gone" if step["op"] == "delete" else f"changed: {', '.join(map(code, step['properties']))}"
