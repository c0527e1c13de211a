"""Restores an archive into an empty database with pg_restore; the first error fails the whole restore."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.client_programs import ClientProcess, ClientPrograms, ProcessResult
from recovery.postgres.connection import (
    connect,
    explain_errors,
    keepalive_parameters,
    libpq_environment,
    redact,
)
from recovery.postgres.globals import is_vendor_role
from recovery.postgres.target import require_empty, require_empty_tables, require_extensions, require_roles
from recovery.postgres.toc import ArchiveToc, TocEntry, read_toc, write_offsets
from recovery.postgres.toc_filter import referenced_roles, select_entries

OnLoadProgress = Callable[[int, int], None]
"""Called with the number of objects whose restore has begun, and the number of all objects."""

_VENDOR_EXTENSIONS: Final = frozenset({"neon", "neon_utils"})
_OBJECT_LINES: Final = ("pg_restore: creating ", "pg_restore: processing data for ", "pg_restore: executing ")
_ERROR_LINES: Final = ("pg_restore:", "DETAIL", "HINT", "Command was")
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
_OUTPUT_BYTES: Final = 1 << 16
_OTHERS_EXTENSIONS: Final = """
    SELECT extname FROM pg_catalog.pg_extension WHERE NOT pg_has_role(current_user, extowner, 'USAGE')
"""
_SCHEMAS: Final = "SELECT nspname FROM pg_catalog.pg_namespace"
_OWN_ROLES: Final = "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"


def load(
    clients: ClientPrograms,
    url: str,
    archive: Path,
    *,
    jobs: int = 2,
    tables: Sequence[str] = (),
    owners: bool = True,
    on_progress: OnLoadProgress | None = None,
) -> tuple[str, ...]:
    """
    Restore an uncompressed archive and gather statistics; return the names of the objects that were left out.

    Left out are a vendor's default privileges where this role can't act as the vendor's role, comments on
    extensions that others own, schemas that an extension has created and, with `tables`, foreign keys to
    tables that were not selected.

    Args:
        clients: at least as new as the target's server and as the pg_dump that wrote the archive.
        url: of an empty database, or of one with empty tables if the archive has rows alone.
        archive: in the custom format. The missing offsets of its data are written into it.
        jobs: connections that restore at the same time.
        tables: names as in SQL, with their partitions and all that they need. Empty: everything.
        owners: restore ownership and grants. The roles must exist (see recovery.postgres.globals_restore).
        on_progress: called in a thread.

    Raises:
        Failure: the target does not fit, or the restore failed. The target must then be discarded.
    """
    toc = read_toc(archive)
    rows_alone = not any(toc.of_kind(*_DEFINITIONS)) and any(toc.of_kind("TABLE DATA", "BLOBS"))
    selected = select_entries(toc, tables) if tables else list(toc.entries)
    with connect(url) as connection, explain_errors(connection, "look at the target"):
        entries = _restorable_entries(connection, selected)
        if rows_alone:
            require_empty_tables(connection, [entry for entry in entries if entry.kind == "TABLE DATA"])
        else:
            require_empty(connection)
        require_extensions(connection, [entry for entry in entries if entry.kind == "EXTENSION"])
        require_roles(connection, referenced_roles(entries, owners=owners))
        _create_schemas(connection, entries)
    write_offsets(archive, toc.layout)
    _run_pg_restore(clients, url, archive, entries, jobs=jobs, owners=owners, on_progress=on_progress)
    with connect(url) as connection, explain_errors(connection, "gather statistics"):
        connection.execute("ANALYZE")
    return tuple(_list_left_out(toc, selected, entries))


def _restorable_entries(connection: psycopg.Connection, entries: Sequence[TocEntry]) -> list[TocEntry]:
    """Return the entries without those that only the source's vendor can restore."""
    own_roles = {row[0] for row in connection.execute(_OWN_ROLES)}
    others_extensions = {row[0] for row in connection.execute(_OTHERS_EXTENSIONS)}
    schemas = {row[0] for row in connection.execute(_SCHEMAS)}

    def is_restorable(entry: TocEntry) -> bool:
        match entry.kind:
            case "DEFAULT ACL":
                return entry.owner in own_roles or not is_vendor_role(entry.owner)
            case "COMMENT":
                extension = entry.name.removeprefix("EXTENSION ").strip('"').replace('""', '"')
                return not entry.name.startswith("EXTENSION ") or extension not in others_extensions
            case "SCHEMA":
                # The schemas of an empty target belong to extensions.
                return entry.name not in schemas
            case "EXTENSION":
                return entry.name not in _VENDOR_EXTENSIONS
            case _:
                return True

    return [entry for entry in entries if is_restorable(entry)]


def _create_schemas(connection: psycopg.Connection, entries: Sequence[TocEntry]) -> None:
    """Create the schemas that the entries need and do not define, as in an archive of selected tables."""
    defined = {entry.name for entry in entries if entry.kind == "SCHEMA"}
    existing = {row[0] for row in connection.execute(_SCHEMAS)}
    for schema in sorted({entry.schema for entry in entries if entry.schema} - defined - existing):
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _run_pg_restore(
    clients: ClientPrograms,
    url: str,
    archive: Path,
    entries: Sequence[TocEntry],
    *,
    jobs: int,
    owners: bool,
    on_progress: OnLoadProgress | None,
) -> None:
    begun = 0
    total = sum(entry.kind not in _SESSION_ENTRIES for entry in entries)

    def count_object(line: str) -> None:
        nonlocal begun
        if on_progress and line.startswith(_OBJECT_LINES):
            begun = min(begun + 1, total)
            on_progress(begun, total)

    with tempfile.TemporaryDirectory(prefix="bulwark-restore-") as folder:
        list_file = Path(folder) / "entries"
        list_file.write_text("".join(f"{entry.id};\n" for entry in entries))
        arguments = [
            "--exit-on-error",
            "--no-password",
            "--no-tablespaces",
            "--verbose",
            f"--jobs={jobs}",
            f"--use-list={list_file}",
            f"--dbname={keepalive_parameters(url)}",
            *(() if owners else ("--no-owner", "--no-privileges")),
            str(archive.absolute()),
        ]
        with ClientProcess(
            clients.restore, arguments, libpq_environment(url), on_progress_line=count_object
        ) as process:
            with closing(process.read_output(_OUTPUT_BYTES)) as output:
                for _ in output:
                    pass
            result = process.wait()
    if not result.succeeded:
        raise _restore_failure(clients, url, result)


def _restore_failure(clients: ClientPrograms, url: str, result: ProcessResult) -> Failure:
    # pg_restore quotes a failed statement with all its lines, which may hold secrets; the first line is kept.
    lines = redact(result.messages, url).splitlines()
    messages = "\n".join(line for line in lines if line.startswith(_ERROR_LINES))
    steps = {
        "No space left on device": "give the target's server more room",
        "could not read": "fetch the archive again: it cannot be read",
        "unsupported version": f"use a newer client than {clients.version}",
        "must be owner of": "restore as a role that may act as all owners",
        "permission denied": "restore as a role that may do what the message names",
        "out of memory": "restore with fewer jobs",
        "cannot perform COPY FREEZE": "restore with --jobs 1, and report this",
    }
    step = next(
        (step for cause, step in steps.items() if cause in messages), "mend what pg_restore complains about"
    )
    return Failure(
        f"The restore failed: pg_restore {result.description}; what is in the target is not whole.",
        f"{step}, drop the target database, and restore into a new one.",
        messages,
    )


def _list_left_out(toc: ArchiveToc, selected: Sequence[TocEntry], restored: Sequence[TocEntry]) -> list[str]:
    restored_ids = {entry.id for entry in restored}
    tables = [entry for entry in restored if entry.kind == "TABLE"]
    left_out = [entry for entry in selected if entry.id not in restored_ids]
    # The only part of a selected table that can be missing from `selected` is a foreign key.
    left_out += [
        entry
        for entry in toc.of_kind("FK CONSTRAINT")
        if entry not in selected and any(_belongs_to(entry, table) for table in tables)
    ]
    return [str(entry) for entry in left_out]


def _belongs_to(constraint: TocEntry, table: TocEntry) -> bool:
    return constraint.schema == table.schema and constraint.name.startswith(f"{table.name} ")
