"""Entries of an archive that only a superuser can restore, and what depends on them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from recovery.postgres.toc import TocEntry

_SUPERUSER: Final = "only a superuser can make it"
_SUPERUSER_KINDS: Final = frozenset(
    {
        "ACCESS METHOD",
        "EVENT TRIGGER",
        "FOREIGN DATA WRAPPER",
        "OPERATOR CLASS",
        "OPERATOR FAMILY",
        "PROCEDURAL LANGUAGE",
        "PUBLICATION TABLES IN SCHEMA",
        "SECURITY LABEL",
        # The functions of a base type are in C. They are made with its shell, before the type itself.
        "SHELL TYPE",
        "SUBSCRIPTION",
        "TEXT SEARCH PARSER",
        "TEXT SEARCH TEMPLATE",
        "TRANSFORM",
    }
)
_SUPERUSER_STATEMENTS: Final[Mapping[str, re.Pattern[str]]] = {
    "AGGREGATE": re.compile(r"^\s*M?STYPE = internal\b", re.MULTILINE),
    "CAST": re.compile(r"\) WITHOUT FUNCTION\b"),
    "PUBLICATION": re.compile(r"^CREATE PUBLICATION (?:\"(?:[^\"]|\"\")*\"|\S+) FOR ALL ", re.MULTILINE),
    # A base type, or the shell of one that was never made.
    "TYPE": re.compile(
        r'^\s*INPUT = |^CREATE TYPE (?:"(?:[^"]|"")*"|[^\s".]+)\.(?:"(?:[^"]|"")*"|[^\s".]+);', re.MULTILINE
    ),
}
"""Kind -> what its statement has if only a superuser may run it, in the wording of pg_dump."""

_ROUTINES: Final = frozenset({"FUNCTION", "PROCEDURE"})
_LANGUAGE: Final = re.compile(r'^    LANGUAGE ("(?:[^"]|"")*"|\w+)', re.MULTILINE)
_ROUTINE_SETTING: Final = re.compile(r'^    SET ("?[\w.]+"?) TO ', re.MULTILINE)
LEAKPROOF: Final = re.compile(r"^    LANGUAGE [^\n]*?(?P<word> LEAKPROOF)\b", re.MULTILINE)
_WRAPPER: Final = re.compile(r' FOREIGN DATA WRAPPER ("(?:[^"]|"")*"|\w+)')
_SERVER: Final = re.compile(r' SERVER ("(?:[^"]|"")*"|\w+)')
_CATALOGS: Final = frozenset({"pg_catalog", "information_schema"})
_WITHOUT_OBJECT: Final = re.compile(r"SCHEMA public|DATABASE .*", re.DOTALL)
_ATTRIBUTES: Final = frozenset({"ACL", "COMMENT", "SECURITY LABEL"})

_LANGUAGES: Final = "SELECT lanname FROM pg_catalog.pg_language WHERE NOT lanpltrusted"
_WRAPPERS: Final = """
    SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper
    WHERE NOT pg_catalog.has_foreign_data_wrapper_privilege(oid, 'USAGE')
"""
_PARAMETERS: Final = "SELECT lower(name) FROM pg_catalog.pg_settings WHERE context = 'superuser'"
_GRANTED_PARAMETERS: Final = """
    SELECT lower(parname) FROM pg_catalog.pg_parameter_acl
    WHERE pg_catalog.has_parameter_privilege(parname, 'SET')
"""
_PARAMETER_GRANTS_SINCE: Final = 150000
_IS_SUPERUSER: Final = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_OTHERS_EXTENSIONS: Final = """
    SELECT extname FROM pg_catalog.pg_extension
    WHERE extname <> 'plpgsql' AND NOT pg_catalog.pg_has_role(current_user, extowner, 'USAGE')
"""


@dataclass(frozen=True)
class Restrictions:
    """What the role that restores may not do in the target."""

    is_superuser: bool
    languages: frozenset[str]
    """Languages in which it may not write functions."""

    wrappers: frozenset[str]
    """Foreign-data wrappers that it may not use."""

    parameters: frozenset[str]
    """Settings that it may not give a function."""

    others_extensions: bool
    """Whether there are extensions that it does not own."""


def read_restrictions(connection: psycopg.Connection) -> Restrictions:
    """Read what the connection's role may not do."""

    def names(query: str) -> frozenset[str]:
        return frozenset(str(name) for (name,) in connection.execute(query.encode()))

    row = connection.execute(_IS_SUPERUSER).fetchone()
    knows_grants = connection.info.server_version >= _PARAMETER_GRANTS_SINCE
    return Restrictions(
        is_superuser=bool(row and row[0]),
        languages=names(_LANGUAGES),
        wrappers=names(_WRAPPERS),
        parameters=names(_PARAMETERS) - (names(_GRANTED_PARAMETERS) if knows_grants else frozenset()),
        others_extensions=bool(names(_OTHERS_EXTENSIONS)),
    )


def explain_restriction(entry: TocEntry, restrictions: Restrictions) -> str:
    """Return why the role can't restore an entry; empty if it can."""
    if restrictions.is_superuser:
        return ""
    pattern = _SUPERUSER_STATEMENTS.get(entry.kind)
    if entry.kind in _SUPERUSER_KINDS or (pattern and pattern.search(entry.statement)):
        return _SUPERUSER
    if entry.kind in _ROUTINES:
        language = _LANGUAGE.search(entry.statement)
        if language and _unquote(language[1]) in restrictions.languages:
            return f"only a superuser writes functions in {_unquote(language[1])}"
        parameters = {_unquote(name).lower() for name in _ROUTINE_SETTING.findall(entry.statement)}
        if denied := sorted(parameters & restrictions.parameters):
            return f"only a superuser sets {', '.join(denied)}"
    if entry.kind == "SERVER":
        wrapper = _WRAPPER.search(entry.statement)
        if wrapper and _unquote(wrapper[1]) in restrictions.wrappers:
            return f"this role may not use the foreign-data wrapper {_unquote(wrapper[1])}"
    if entry.kind == "ACL" and (entry.schema in _CATALOGS or entry.name.startswith("LANGUAGE ")):
        return "it is about an object of the server itself"
    return ""


def exclude_entries(
    entries: Sequence[TocEntry], explain: Callable[[TocEntry], str]
) -> tuple[list[TocEntry], dict[int, str]]:
    """
    Return the entries without those that `explain` gives a reason for and without what depends on them.

    Beside them return the reason for each that is missing, by its id.
    """
    reasons = {entry.id: reason for entry in entries if (reason := explain(entry))}
    names = {entry.id: str(entry) for entry in entries}
    # A table can be stored by another access method; its rows are worth more.
    pending = [entry.id for entry in entries if entry.id in reasons and not _is_table_method(entry)]
    servers = {entry.name: entry.id for entry in entries if entry.kind == "SERVER"}
    dependents: dict[int, list[int]] = {}
    for entry in entries:
        for needed in entry.depends_on | _find_server(entry, servers):
            dependents.setdefault(needed, []).append(entry.id)
    while pending:
        missing = pending.pop()
        for dependent in dependents.get(missing, ()):
            if dependent not in reasons:
                reasons[dependent] = f"it needs {names[missing]}"
                pending.append(dependent)
    return [entry for entry in entries if entry.id not in reasons], reasons


def explain_foreign_attribute(entry: TocEntry, known: Iterable[int], restrictions: Restrictions) -> str:
    """Return why grants on an object that the archive does not make can't be restored; empty if they can."""
    if restrictions.is_superuser or not restrictions.others_extensions or entry.kind not in _ATTRIBUTES:
        return ""
    if entry.depends_on.isdisjoint(known) and not _WITHOUT_OBJECT.fullmatch(entry.name):
        return "it is about an object of an extension that another role owns"
    return ""


def _find_server(entry: TocEntry, servers: Mapping[str, int]) -> set[int]:
    """Return the server of a user mapping, which the archive does not name as needed by it."""
    match = _SERVER.search(entry.statement) if entry.kind == "USER MAPPING" else None
    name = _unquote(match[1]) if match else ""
    return {servers[name]} if name in servers else set()


def _is_table_method(entry: TocEntry) -> bool:
    return entry.kind == "ACCESS METHOD" and " TYPE TABLE " in entry.statement


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
