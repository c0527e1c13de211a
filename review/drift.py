"""Markdown of a stack's drift, for an issue: what is not as the repository declares it, without values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from review.markdown import escape, truncate
from review.review import kind_of, name_of, type_of


def render(
    stack: str,
    steps: Iterable[Mapping[str, Any]],
    *,
    undeclared: Sequence[tuple[str, str]] = (),
    violations: Sequence[tuple[str, str]] = (),
    unknown: Sequence[tuple[str, str]] = (),
) -> str:
    """
    Return the Markdown. Its first line identifies the issue, so that the next run edits the same one.

    Args:
        stack: The stack.
        steps: The engine's steps of a refresh: operation, URN, and names of the properties that differ.
        undeclared: What exists and is not declared, and what is wrong with it.
        violations: Policies that what exists violates, and why.
        unknown: What could not be looked at, and why.
    """
    changed = sorted(steps, key=lambda step: (type_of(step["urn"]), step["urn"]))
    lines = [
        marker(stack),
        f"`{stack}` is not what this repository declares:"
        if changed or undeclared or violations
        else f"It is not known whether `{stack}` is what this repository declares:",
        "",
        *_table(
            ("resource", "type", "what happened to it"),
            ((name_of(step["urn"]), kind_of(step["urn"]), describe(step)) for step in changed),
        ),
        *_table(("not declared", "what is wrong"), undeclared),
        *_table(("policy", "what violates it"), violations),
        *_table(("not looked at", "because"), unknown),
        "Wanted: declare it, by a pull request, or say in `policies/undeclared.yaml` why it needs no "
        "declaration. Not wanted: the next deployment takes a change back (read its plan where data is "
        "concerned), and you remove what was added. `./bulwark audit --live` shows the same on your machine.",
    ]
    return truncate("\n".join(lines) + "\n")


def marker(stack: str) -> str:
    return f"<!-- bulwark drift: {stack} -->"


def describe(step: Mapping[str, Any]) -> str:
    """Return what happened to one resource."""
    return "it is gone" if step["op"] == "delete" else f"changed: {', '.join(step['properties'])}"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(map(escape, row))} |" for row in rows]
    return [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *lines, ""] if lines else []
