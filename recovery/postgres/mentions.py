"""The roles that an archive's statements mention, to be looked for before hours of restoring."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from recovery.postgres.archive import Entry

_TOKEN: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*'|[^\W\d][\w$]*|\S)""")
_BEFORE_ROLES: Final = frozenset({"TO", "FROM", "ROLE", "AUTHORIZATION"})
_NOT_ROLES: Final = frozenset({"PUBLIC", "DEFAULT", "CURRENT_USER", "SESSION_USER"})
_GRANTS: Final = frozenset({"ACL", "DEFAULT ACL"})


def mentioned(entries: Iterable[Entry], *, owners: bool) -> set[str]:
    """Return the roles that `entries` need; without `owners` only those of policies."""
    found: set[str] = set()
    for entry in entries:
        if owners and entry.owner:
            found.add(entry.owner)
        if (owners and entry.kind in _GRANTS) or entry.kind == "POLICY":
            found.update(_roles(entry))
    return found


def _roles(entry: Entry) -> Iterator[str]:
    tokens = _TOKEN.findall(entry.statement)
    if entry.kind == "POLICY":
        # Its expressions follow; they have a FROM and a TO of their own.
        ends = [position for position, token in enumerate(tokens) if token in {"USING", "WITH"}]
        tokens = tokens[: min(ends, default=len(tokens))]
    for position, token in enumerate(tokens):
        if token in _BEFORE_ROLES:
            yield from _list(tokens[position + 1 :])


def _list(tokens: list[str]) -> Iterator[str]:
    """Read names that commas separate."""
    for name, comma in zip(tokens[::2], [*tokens[1::2], ""], strict=False):
        if name.startswith('"'):
            yield name[1:-1].replace('""', '"')
        elif name not in _NOT_ROLES and name.isidentifier():
            yield name
        if comma != ",":
            return
