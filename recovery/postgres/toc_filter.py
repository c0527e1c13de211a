"""Which entries of an archive a restore of chosen tables takes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from core.failure import Failure
from recovery.postgres.table_name import TableName
from recovery.postgres.toc import Contents, TocEntry

_TABLES: Final = frozenset({"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"})
_WITH_THEM: Final = frozenset(
    {
        *("TABLE DATA", "INDEX", "CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE"),
        *("POLICY", "ROW SECURITY", "DEFAULT", "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "ACL"),
        *("COMMENT", "SECURITY LABEL", "STATISTICS", "STATISTICS DATA", "TABLE ATTACH", "INDEX ATTACH"),
        "MATERIALIZED VIEW DATA",
    }
)
_EXTENSIONS: Final = frozenset({"EXTENSION", "ENCODING", "STDSTRINGS", "SEARCHPATH"})


def with_tables(contents: Contents, names: Sequence[str]) -> list[TocEntry]:
    """
    Return the tables, their partitions, what belongs to them, and what they need: types, functions, schemas.

    A foreign key to a table that was not chosen is left out, as it could not be fulfilled.

    Raises:
        Failure: a name is none, is not in the archive, or is in several of its schemas.
    """
    by_id = {entry.id: entry for entry in contents.entries}
    tables = {entry.id for entry in contents.of_kind(*_TABLES)}
    chosen = _with_partitions(contents, {_named(contents, name).id for name in names})
    belonging = set(chosen)
    grown = True
    while grown:
        more = {
            entry.id
            for entry in contents.of_kind(*_WITH_THEM)
            if entry.depends_on & belonging and entry.depends_on & tables <= chosen
        }
        # A serial column's sequence is one that its default needs; its position comes with it.
        needed = {
            dependency
            for number in belonging | more
            for dependency in by_id[number].depends_on
            if dependency in by_id and by_id[dependency].kind == "SEQUENCE"
        }
        grown = not more | needed <= belonging
        belonging |= more | needed
    wanted = _with_needs(by_id, belonging)
    return [entry for entry in contents.entries if entry.id in wanted or entry.kind in _EXTENSIONS]


def _named(contents: Contents, text: str) -> TocEntry:
    name = TableName.parse(text)
    found = [
        entry
        for entry in contents.of_kind(*_TABLES)
        if entry.name == name.name and name.schema in {None, entry.schema}
    ]
    if not found:
        raise Failure(f"The backup has no table {text}.", "compare it with the tables in its manifest.")
    if len(found) > 1:
        schemas = ", ".join(entry.schema for entry in found)
        raise Failure(f"The backup has several tables {text}, in {schemas}.", "name the schema too.")
    return found[0]


def _with_partitions(contents: Contents, chosen: Iterable[int]) -> set[int]:
    result = set(chosen)
    by_name = {(entry.schema, entry.name): entry.id for entry in contents.of_kind("TABLE", "FOREIGN TABLE")}
    attachments = [
        (by_name[entry.schema, entry.name], entry.depends_on)
        for entry in contents.of_kind("TABLE ATTACH")
        if (entry.schema, entry.name) in by_name
    ]
    grown = True
    while grown:
        more = {child for child, both in attachments if (both - {child}) & result}
        grown = not more <= result
        result |= more
    return result


def _with_needs(by_id: dict[int, TocEntry], wanted: set[int]) -> set[int]:
    result: set[int] = set()
    pending = list(wanted)
    while pending:
        number = pending.pop()
        if number not in result and number in by_id:
            result.add(number)
            pending.extend(by_id[number].depends_on)
    return result


_TOKEN: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*'|[^\W\d][\w$]*|\S)""")
_BEFORE_ROLES: Final = frozenset({"TO", "FROM", "ROLE", "AUTHORIZATION"})
_NOT_ROLES: Final = frozenset({"PUBLIC", "DEFAULT", "CURRENT_USER", "SESSION_USER"})
_GRANTS: Final = frozenset({"ACL", "DEFAULT ACL"})


def mentioned(entries: Iterable[TocEntry], *, owners: bool) -> set[str]:
    """Return the roles that `entries` need; without `owners` only those of policies."""
    found: set[str] = set()
    for entry in entries:
        if owners and entry.owner:
            found.add(entry.owner)
        if (owners and entry.kind in _GRANTS) or entry.kind == "POLICY":
            found.update(_roles(entry))
    return found


def _roles(entry: TocEntry) -> Iterator[str]:
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
