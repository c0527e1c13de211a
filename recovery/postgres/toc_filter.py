"""Entries of an archive that a restore of selected tables needs, and the roles that entries refer to."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from core.failure import Failure
from recovery.postgres.table_name import TableName
from recovery.postgres.toc import ArchiveToc, TocEntry

_TABLES: Final = frozenset({"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"})
_PARTS_OF_TABLES: Final = frozenset(
    {
        *("TABLE DATA", "INDEX", "CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE"),
        *("POLICY", "ROW SECURITY", "DEFAULT", "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "ACL"),
        *("COMMENT", "SECURITY LABEL", "STATISTICS", "STATISTICS DATA", "TABLE ATTACH", "INDEX ATTACH"),
        "MATERIALIZED VIEW DATA",
    }
)
_ALWAYS: Final = frozenset({"EXTENSION", "ENCODING", "STDSTRINGS", "SEARCHPATH"})

_TOKEN: Final = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*'|[^\W\d][\w$]*|\S)""")
_BEFORE_ROLES: Final = frozenset({"TO", "FROM", "ROLE", "AUTHORIZATION"})
_NOT_ROLES: Final = frozenset({"PUBLIC", "DEFAULT", "CURRENT_USER", "SESSION_USER"})
_GRANTS: Final = frozenset({"ACL", "DEFAULT ACL"})
_OWNED: Final = frozenset(
    {
        *("AGGREGATE", "BLOB", "BLOB METADATA", "COLLATION", "CONVERSION", "DEFAULT ACL", "DOMAIN"),
        *("EVENT TRIGGER", "FOREIGN DATA WRAPPER", "FOREIGN TABLE", "FUNCTION", "MATERIALIZED VIEW"),
        *("OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURAL LANGUAGE", "PROCEDURE"),
        *("PUBLICATION", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS", "SUBSCRIPTION", "TABLE"),
        *("TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TYPE", "VIEW"),
    }
)
"""Kinds of objects that pg_restore gives to an owner. Source: pg_backup_archiver.c, _getObjectDescription."""


def select_entries(toc: ArchiveToc, tables: Sequence[str]) -> list[TocEntry]:
    """
    Return the entries of the tables and their partitions, with the types, functions and schemas they need.

    A foreign key to a table that was not selected is left out, because it could not be satisfied.

    Raises:
        Failure: a name is invalid, is not in the archive, or is in several of its schemas.
    """
    by_id = {entry.id: entry for entry in toc.entries}
    all_tables = {entry.id for entry in toc.of_kind(*_TABLES)}
    selected_tables = _add_partitions(toc, {_find_table(toc, name).id for name in tables})
    selected = set(selected_tables)
    while True:
        parts = {
            entry.id
            for entry in toc.of_kind(*_PARTS_OF_TABLES)
            if entry.depends_on & selected and entry.depends_on & all_tables <= selected_tables
        }
        # A serial column's default depends on its sequence, whose position is found in the next round.
        sequences = {
            dependency
            for entry_id in selected | parts
            for dependency in by_id[entry_id].depends_on
            if dependency in by_id and by_id[dependency].kind == "SEQUENCE"
        }
        if parts | sequences <= selected:
            break
        selected |= parts | sequences
    needed = _add_dependencies(by_id, selected)
    return [entry for entry in toc.entries if entry.id in needed or entry.kind in _ALWAYS]


def _find_table(toc: ArchiveToc, name: str) -> TocEntry:
    table = TableName.parse(name)
    matches = [
        entry
        for entry in toc.of_kind(*_TABLES)
        if entry.name == table.name and table.schema in {None, entry.schema}
    ]
    if not matches:
        raise Failure(f"The backup has no table {name}.", "compare it with the tables in its manifest.")
    if len(matches) > 1:
        schemas = ", ".join(entry.schema for entry in matches)
        raise Failure(f"The backup has several tables {name}, in {schemas}.", "name the schema too.")
    return matches[0]


def _add_partitions(toc: ArchiveToc, tables: Iterable[int]) -> set[int]:
    result = set(tables)
    by_name = {(entry.schema, entry.name): entry.id for entry in toc.of_kind("TABLE", "FOREIGN TABLE")}
    attachments = [
        (by_name[entry.schema, entry.name], entry.depends_on)
        for entry in toc.of_kind("TABLE ATTACH")
        if (entry.schema, entry.name) in by_name
    ]
    while True:
        partitions = {child for child, both in attachments if (both - {child}) & result}
        if partitions <= result:
            return result
        result |= partitions


def _add_dependencies(by_id: Mapping[int, TocEntry], entry_ids: Iterable[int]) -> set[int]:
    result: set[int] = set()
    pending = list(entry_ids)
    while pending:
        entry_id = pending.pop()
        if entry_id not in result and entry_id in by_id:
            result.add(entry_id)
            pending.extend(by_id[entry_id].depends_on)
    return result


def referenced_roles(entries: Iterable[TocEntry], *, owners: bool) -> set[str]:
    """Return the roles that entries refer to: in policies and, with `owners`, as owners and in grants."""
    roles: set[str] = set()
    for entry in entries:
        if owners and entry.owner:
            roles.add(entry.owner)
        if (owners and entry.kind in _GRANTS) or entry.kind == "POLICY":
            roles.update(_roles_in_statement(entry))
    return roles


def owning_roles(entries: Iterable[TocEntry]) -> set[str]:
    """Return the roles that the role which restores must act as: owners, and whose defaults change."""
    return {entry.owner for entry in entries if entry.owner and entry.kind in _OWNED}


def _roles_in_statement(entry: TocEntry) -> Iterator[str]:
    tokens = _TOKEN.findall(entry.statement)
    if entry.kind == "POLICY":
        # The expressions of a policy, which come last, have a FROM and a TO of their own.
        ends = [position for position, token in enumerate(tokens) if token in {"USING", "WITH"}]
        tokens = tokens[: min(ends, default=len(tokens))]
    for position, token in enumerate(tokens):
        if token in _BEFORE_ROLES:
            yield from _parse_names(tokens[position + 1 :])


def _parse_names(tokens: list[str]) -> Iterator[str]:
    """Yield the role names of a comma-separated list at the beginning of `tokens`."""
    for name, comma in zip(tokens[::2], [*tokens[1::2], ""], strict=False):
        if name.startswith('"'):
            yield name[1:-1].replace('""', '"')
        elif name not in _NOT_ROLES and name.isidentifier():
            yield name
        if comma != ",":
            return
