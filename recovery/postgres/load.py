"""
Loads an archive into an empty database.

What the role that restores may not make, and what needs it, is found before anything is loaded, left out and
reported. Everything else is restored, or the load fails.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.manifest import Manifest
from recovery.postgres.archive_check import require_counts
from recovery.postgres.archive_patch import remove_leakproof, reset_search_path
from recovery.postgres.client_programs import ClientPrograms
from recovery.postgres.connection import connect, explain_errors
from recovery.postgres.copy_freeze import remove_copy_freeze
from recovery.postgres.globals import is_vendor_role
from recovery.postgres.pg_restore import ArchiveRestore, needs_one_job
from recovery.postgres.restricted_entries import (
    LEAKPROOF,
    Restrictions,
    exclude_entries,
    explain_foreign_attribute,
    explain_restriction,
    read_restrictions,
)
from recovery.postgres.target import (
    probe_extensions,
    require_empty,
    require_empty_tables,
    require_extensions,
    require_not_older,
    require_owners,
    require_roles,
)
from recovery.postgres.toc import ArchiveToc, TocEntry, read_toc, write_offsets
from recovery.postgres.toc_filter import owning_roles, referenced_roles, select_entries

OnLoadProgress = Callable[[int, int], None]
"""Called with the number of objects whose restore has begun, and the number of all objects."""

_VENDOR_EXTENSIONS: Final = frozenset({"neon", "neon_utils"})
_NOT_GRANTED: Final = "privileges were "
"""In the server's warning that no or not all privileges were granted or could be revoked."""

_SESSION_ENTRIES: Final = frozenset(
    {"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"}
)
_DEFINITIONS: Final = (
    "TABLE",
    "FOREIGN TABLE",
    "SCHEMA",
    "TYPE",
    "FUNCTION",
    "EXTENSION",
    "VIEW",
    "SEQUENCE",
)
_OTHERS_EXTENSIONS: Final = """
    SELECT extname FROM pg_catalog.pg_extension WHERE NOT pg_has_role(current_user, extowner, 'USAGE')
"""
_EXTENSIONS: Final = "SELECT extname FROM pg_catalog.pg_extension"
_EXTENSION_COMMENTS: Final = """
    SELECT format('COMMENT ON EXTENSION %I IS %L;', extname, obj_description(oid, 'pg_extension'))
    FROM pg_catalog.pg_extension
"""
_SCHEMAS: Final = "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace"
_OWN_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"
_NEW_PUBLIC_OWNER_SINCE: Final = 15
"""Before it, the schema `public` belongs to the server's first superuser unless somebody has changed that."""


@dataclass
class ArchiveLoadResult:
    """What a load that succeeded did not restore, one phrase per object."""

    failed: list[str] = field(default_factory=list[str])
    """What the archive holds and this role can't make here, with the reason."""

    omitted: list[str] = field(default_factory=list[str])
    """What was not asked for, and belongs to something that was."""

    notes: list[str] = field(default_factory=list[str])
    """What is the vendor's, and warnings of pg_restore."""


def load(
    clients: ClientPrograms,
    url: str,
    archive: Path,
    *,
    figures: Manifest | None = None,
    jobs: int = 2,
    tables: Sequence[str] = (),
    owners: bool = True,
    leave_out: Sequence[str] = (),
    own_search_path: bool = False,
    partial: bool = False,
    on_progress: OnLoadProgress | None = None,
) -> ArchiveLoadResult:
    """
    Restore an uncompressed archive, gather statistics, and return what is not there.

    Args:
        clients: at least as new as the target's server and as the pg_dump that wrote the archive.
        url: of an empty database, or of one with empty tables if the archive has rows alone; see
            `load_session_url`.
        archive: in the custom format. It is changed: offsets of its data are written into it.
        figures: the numbers of rows that are expected.
        jobs: connections that restore at the same time.
        tables: names as in SQL, with their partitions and all that they need. Empty: everything.
        owners: restore ownership and grants. The roles must exist (see recovery.postgres.globals_restore).
        leave_out: objects, as `TocEntry` prints them, that are left out with all that needs them.
        own_search_path: find names without a schema by the search path of the URL's sessions; otherwise such
            names are not found.
        partial: leave out what needs extensions that the server lacks, instead of failing.
        on_progress: called in a thread.

    Raises:
        Failure: the target does not fit, or the restore failed. In the latter case, the target must be
            discarded.
    """
    toc = read_toc(archive)
    rows_alone = not any(toc.of_kind(*_DEFINITIONS)) and any(toc.of_kind("TABLE DATA", "BLOBS"))
    selected = select_entries(toc, tables) if tables else list(toc.entries)
    result = ArchiveLoadResult(omitted=_list_foreign_keys(toc, selected))
    with connect(url) as connection, explain_errors(connection, "look at the target"):
        server_major = connection.info.server_version // 10_000
        require_not_older(server_major, toc.server_major)
        restrictions = read_restrictions(connection)
        entries = _exclude_named(selected, leave_out, result)
        entries = _exclude_existing(connection, entries, result)
        if rows_alone:
            require_empty_tables(connection, [entry for entry in entries if entry.kind == "TABLE DATA"])
        else:
            require_empty(connection)
        entries = _exclude_unavailable(connection, entries, restrictions, result, partial=partial)
        entries = _exclude_restricted(entries, restrictions, result)
        require_roles(connection, referenced_roles(entries, owners=owners))
        if owners:
            require_owners(connection, owning_roles(entries))
        schemas = [entry for entry in selected if entry.kind == "SCHEMA"]
        _create_schemas(connection, entries, known=schemas)
        if owners:
            _give_schemas(connection, schemas, toc, result)
    write_offsets(archive, toc.layout)
    if needs_one_job(clients, server_major):
        jobs = 1
    if jobs == 1:
        remove_copy_freeze(archive, toc.layout)
    if own_search_path:
        reset_search_path(archive, toc)
    if not restrictions.is_superuser:
        result.failed += [
            f"LEAKPROOF of {entry}: only a superuser can give it"
            for entry in entries
            if entry.kind == "FUNCTION" and LEAKPROOF.search(entry.statement)
        ]
        remove_leakproof(archive, toc)
    _restore_entries(
        clients,
        url,
        archive,
        entries,
        server_major=server_major,
        jobs=jobs,
        options=_list_options(selected, entries, owners=owners),
        on_progress=on_progress,
        result=result,
    )
    with connect(url) as connection, explain_errors(connection, "gather statistics"):
        connection.execute("ANALYZE")
        if figures:
            require_counts(connection, figures, entries)
    return result


def _exclude_named(
    entries: Sequence[TocEntry], names: Collection[str], result: ArchiveLoadResult
) -> list[TocEntry]:
    if unknown := sorted(set(names) - {str(entry) for entry in entries}):
        raise Failure(
            f"The backup has no object {unknown[0]}.",
            "name it as the message of the restore does, such as 'FK CONSTRAINT public.orders orders_fkey'.",
        )
    kept, reasons = exclude_entries(entries, lambda entry: "as asked" if str(entry) in names else "")
    result.omitted += _list_reasons(entries, reasons)
    return kept


def _exclude_existing(
    connection: psycopg.Connection, entries: Sequence[TocEntry], result: ArchiveLoadResult
) -> list[TocEntry]:
    """Return the entries without what is there already, and what only the source's vendor can restore."""
    own_roles = {str(name) for (name,) in connection.execute(_OWN_ROLES)}
    others_extensions = {str(name) for (name,) in connection.execute(_OTHERS_EXTENSIONS)}
    comments = {str(comment) for (comment,) in connection.execute(_EXTENSION_COMMENTS)}
    schemas = {str(name) for name, _ in connection.execute(_SCHEMAS)}

    def is_kept(entry: TocEntry) -> bool:
        match entry.kind:
            case "DEFAULT ACL" if is_vendor_role(entry.owner) and entry.owner not in own_roles:
                result.notes.append(f"{entry} is of the source's vendor, and is not restored")
                return False
            case "COMMENT" if _extension_name(entry) in others_extensions:
                if entry.statement.strip() not in comments:
                    result.failed.append(f"{entry}: another role owns the extension")
                return False
            case "SCHEMA":
                return entry.name not in schemas
            case "EXTENSION" if entry.name in _VENDOR_EXTENSIONS:
                result.notes.append(f"{entry} is of the source's vendor, and is not restored")
                return False
            case _:
                return True

    return [entry for entry in entries if is_kept(entry)]


def _exclude_unavailable(
    connection: psycopg.Connection,
    entries: Sequence[TocEntry],
    restrictions: Restrictions,
    result: ArchiveLoadResult,
    *,
    partial: bool,
) -> list[TocEntry]:
    """Return the entries without extensions that can't be made, and without what needs them."""
    present = {str(name) for (name,) in connection.execute(_EXTENSIONS)}
    extensions = [entry for entry in entries if entry.kind == "EXTENSION" and entry.name not in present]
    missing = require_extensions(connection, extensions, partial=partial)
    refusals = dict.fromkeys(missing, "the target's server does not have it")
    if not restrictions.is_superuser:
        refusals |= probe_extensions(
            connection, [entry for entry in extensions if entry.name not in refusals]
        )
    kept, reasons = exclude_entries(
        entries, lambda entry: refusals.get(entry.name, "") if entry.kind == "EXTENSION" else ""
    )
    result.failed += _list_reasons(entries, reasons)
    return kept


def _exclude_restricted(
    entries: Sequence[TocEntry], restrictions: Restrictions, result: ArchiveLoadResult
) -> list[TocEntry]:
    """Return the entries without those that only another role can restore, and without what needs them."""
    known = {entry.id for entry in entries if entry.kind != "EXTENSION"}
    kept, reasons = exclude_entries(
        entries,
        lambda entry: (
            explain_restriction(entry, restrictions) or explain_foreign_attribute(entry, known, restrictions)
        ),
    )
    result.failed += _list_reasons(entries, reasons)
    return kept


def _list_reasons(entries: Sequence[TocEntry], reasons: dict[int, str]) -> list[str]:
    return [f"{entry}: {reasons[entry.id]}" for entry in entries if entry.id in reasons]


def _extension_name(comment: TocEntry) -> str:
    """Return the name of the extension that a comment is about; empty if it is about something else."""
    kind, _, name = comment.name.partition(" ")
    return name.strip('"').replace('""', '"') if kind == "EXTENSION" else ""


def _create_schemas(
    connection: psycopg.Connection, entries: Sequence[TocEntry], *, known: Sequence[TocEntry]
) -> None:
    """Create the schemas that the entries need and do not define, as in an archive of selected tables."""
    defined = {entry.name for entry in known}
    existing = {str(name) for name, _ in connection.execute(_SCHEMAS)}
    for schema in sorted({entry.schema for entry in entries if entry.schema} - defined - existing):
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _give_schemas(
    connection: psycopg.Connection, schemas: Sequence[TocEntry], toc: ArchiveToc, result: ArchiveLoadResult
) -> None:
    """Give schemas that exist already, such as `public`, to their owners in the source."""
    owners = {str(name): str(owner) for name, owner in connection.execute(_SCHEMAS)}
    for entry in schemas:
        if owners.get(entry.name, entry.owner) == entry.owner:
            continue
        if (
            entry.name == "public"
            and toc.server_major < _NEW_PUBLIC_OWNER_SINCE
            and entry.owner not in owners
        ):
            result.notes.append(f"the schema public belonged to {entry.owner}")
            continue
        change = sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(
            sql.Identifier(entry.name), sql.Identifier(entry.owner)
        )
        try:
            connection.execute(change)
        except psycopg.DatabaseError as error:
            result.failed.append(f"owner {entry.owner} of {entry}: {error.diag.message_primary}")


def _list_options(selected: Sequence[TocEntry], entries: Sequence[TocEntry], *, owners: bool) -> list[str]:
    """Return the options of pg_restore beside those that each run of it has."""
    methods = {entry.id for entry in selected if entry.kind == "ACCESS METHOD"}
    restored = {entry.id for entry in entries}
    return [
        *(() if owners else ("--no-owner", "--no-privileges")),
        *(("--no-table-access-method",) if methods - restored else ()),
    ]


def _restore_entries(
    clients: ClientPrograms,
    url: str,
    archive: Path,
    entries: Sequence[TocEntry],
    *,
    server_major: int,
    jobs: int,
    options: Sequence[str],
    on_progress: OnLoadProgress | None,
    result: ArchiveLoadResult,
) -> None:
    begun = 0
    total = sum(entry.kind not in _SESSION_ENTRIES for entry in entries)

    def count_object() -> None:
        nonlocal begun
        begun = min(begun + 1, total)
        if on_progress:
            on_progress(begun, total)

    restore = ArchiveRestore(clients, url, server_major, archive, options, count_object)
    late = _find_late_triggers(entries) if jobs > 1 else set[int]()
    warnings = restore.run([entry for entry in entries if entry.id not in late], jobs=jobs)
    if late:
        warnings += restore.run([entry for entry in entries if entry.id in late], jobs=1)
    result.failed += [line for line in warnings if _NOT_GRANTED in line]
    result.notes += [line for line in warnings if _NOT_GRANTED not in line]


def _find_late_triggers(entries: Sequence[TocEntry]) -> set[int]:
    """
    Return the changes of triggers that partitions inherit, and what needs them.

    Such a trigger comes with that of the partitioned table. pg_dump names only the direct parent's trigger as
    needed, which the archive of nested partitions does not have. So a parallel pg_restore may change a
    trigger before it exists. They are restored after everything else, by one connection.
    """
    _, late = exclude_entries(
        entries,
        lambda entry: (
            "late" if entry.kind == "TRIGGER" and entry.statement.lstrip().startswith("ALTER TABLE ") else ""
        ),
    )
    return set(late)


def _list_foreign_keys(toc: ArchiveToc, selected: Sequence[TocEntry]) -> list[str]:
    """Return the foreign keys that are missing from the selected tables: no other part of a table can be."""
    selected_ids = {entry.id for entry in selected}
    tables = [entry for entry in selected if entry.kind == "TABLE"]
    return [
        f"{entry}: it refers to a table that was not selected"
        for entry in toc.of_kind("FK CONSTRAINT")
        if entry.id not in selected_ids and any(_belongs_to(entry, table) for table in tables)
    ]


def _belongs_to(constraint: TocEntry, table: TocEntry) -> bool:
    return constraint.schema == table.schema and constraint.name.startswith(f"{table.name} ")
