"""Which entries of an archive a restore of chosen tables takes."""

from collections.abc import Iterable, Sequence
from typing import Final

from recovery.postgres.archive import Contents, Entry
from recovery.postgres.table_name import TableName
from toolchain.failure import Failure

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


def with_tables(contents: Contents, names: Sequence[str]) -> list[Entry]:
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


def _named(contents: Contents, text: str) -> Entry:
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


def _with_needs(by_id: dict[int, Entry], wanted: set[int]) -> set[int]:
    result: set[int] = set()
    pending = list(wanted)
    while pending:
        number = pending.pop()
        if number not in result and number in by_id:
            result.add(number)
            pending.extend(by_id[number].depends_on)
    return result
