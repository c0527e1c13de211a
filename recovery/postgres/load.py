"""Restores an archive into an empty database, entirely or not at all well: any error fails it."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.client_programs import ClientProcess, Clients, Ended
from recovery.postgres.connection import (
    connected,
    environment,
    explained,
    harmless_arguments,
    is_vendors,
    redacted,
    same_server,
)
from recovery.postgres.disk_space import download_space, written
from recovery.postgres.target import require_empty, require_empty_tables, require_extensions, require_roles
from recovery.postgres.toc import Contents, TocEntry, contents, locate
from recovery.postgres.toc_filter import mentioned, with_tables

__all__ = ["download_space", "load", "same_server", "written"]

OnLoadProgress = Callable[[int, int], None]
"""Told of how many objects of how many were begun."""

_VENDOR_EXTENSIONS: Final = frozenset({"neon", "neon_utils"})
_BEGUN: Final = ("pg_restore: creating ", "pg_restore: processing data for ", "pg_restore: executing ")
_TOLD: Final = ("pg_restore:", "DETAIL", "HINT", "Command was")
_SESSION: Final = frozenset({"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"})
_DEFINED: Final = ("TABLE", "FOREIGN TABLE", "SCHEMA", "TYPE", "FUNCTION", "EXTENSION", "VIEW", "SEQUENCE")
_FOREIGN: Final = """
    SELECT extname FROM pg_catalog.pg_extension WHERE NOT pg_has_role(current_user, extowner, 'USAGE')
"""
_SCHEMAS: Final = "SELECT nspname FROM pg_catalog.pg_namespace"
_ACTS_AS: Final = "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"


def load(
    clients: Clients,
    url: str,
    archive: Path,
    *,
    jobs: int = 2,
    tables: Sequence[str] = (),
    owners: bool = True,
    progress: OnLoadProgress | None = None,
) -> tuple[str, ...]:
    """
    Restore an uncompressed archive and gather statistics; return what was left out, in words.

    Left out are a provider's own default privileges where this role cannot be the provider's, comments on
    extensions that others own, schemas that are there for an extension's sake, and, with `tables`, foreign
    keys to tables that were not chosen.

    Args:
        clients: at least as new as the target's server and as the pg_dump that wrote the archive.
        url: of an empty database; of one with empty tables if the archive has rows alone.
        archive: in the custom format; it is made to say where its data is.
        jobs: connections that restore at the same time.
        tables: names as in SQL; with their partitions and all that they need. None: everything.
        owners: restore ownership and grants; the roles must exist (see recovery.postgres.globals_restore).
        progress: is called in a thread.

    Raises:
        Failure: something is in the way, or went wrong; then the target is not to be used.
    """
    found = contents(archive)
    rows_alone = not any(found.of_kind(*_DEFINED)) and any(found.of_kind("TABLE DATA", "BLOBS"))
    chosen = with_tables(found, tables) if tables else list(found.entries)
    with connected(url) as connection, explained(connection, "look at the target"):
        kept = _restorable(connection, chosen)
        if rows_alone:
            require_empty_tables(connection, [entry for entry in kept if entry.kind == "TABLE DATA"])
        else:
            require_empty(connection)
        require_extensions(connection, [entry for entry in kept if entry.kind == "EXTENSION"])
        require_roles(connection, mentioned(kept, owners=owners))
        _make_schemas(connection, kept)
    locate(archive, found.layout)
    _run(clients, url, archive, kept, jobs=jobs, owners=owners, progress=progress)
    with connected(url) as connection, explained(connection, "gather statistics"):
        connection.execute("ANALYZE")
    return tuple(_left_out(found, chosen, kept))


def _restorable(connection: psycopg.Connection, entries: Sequence[TocEntry]) -> list[TocEntry]:
    """Leave out what only the provider that it comes from can restore."""
    acts_as = {row[0] for row in connection.execute(_ACTS_AS)}
    foreign = {row[0] for row in connection.execute(_FOREIGN)}
    schemas = {row[0] for row in connection.execute(_SCHEMAS)}

    def possible(entry: TocEntry) -> bool:
        match entry.kind:
            case "DEFAULT ACL":
                return entry.owner in acts_as or not is_vendors(entry.owner)
            case "COMMENT":
                of_extension = entry.name.removeprefix("EXTENSION ").strip('"').replace('""', '"')
                return not entry.name.startswith("EXTENSION ") or of_extension not in foreign
            case "SCHEMA":
                # In an empty target it is there for an extension's sake.
                return entry.name not in schemas
            case "EXTENSION":
                return entry.name not in _VENDOR_EXTENSIONS
            case _:
                return True

    return [entry for entry in entries if possible(entry)]


def _make_schemas(connection: psycopg.Connection, entries: Sequence[TocEntry]) -> None:
    """Make the schemas that an archive of chosen tables does not define."""
    defined = {entry.name for entry in entries if entry.kind == "SCHEMA"}
    there = {row[0] for row in connection.execute(_SCHEMAS)}
    for schema in sorted({entry.schema for entry in entries if entry.schema} - defined - there):
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _run(
    clients: Clients,
    url: str,
    archive: Path,
    entries: Sequence[TocEntry],
    *,
    jobs: int,
    owners: bool,
    progress: OnLoadProgress | None,
) -> None:
    begun = 0
    total = sum(entry.kind not in _SESSION for entry in entries)

    def hear(line: str) -> None:
        nonlocal begun
        if progress and line.startswith(_BEGUN):
            begun = min(begun + 1, total)
            progress(begun, total)

    with tempfile.TemporaryDirectory(prefix="bulwark-restore-") as folder:
        wanted = Path(folder) / "entries"
        wanted.write_text("".join(f"{entry.id};\n" for entry in entries))
        arguments = [
            "--exit-on-error",
            "--no-password",
            "--no-tablespaces",
            "--verbose",
            f"--jobs={jobs}",
            f"--use-list={wanted}",
            f"--dbname={harmless_arguments(url)}",
            *(() if owners else ("--no-owner", "--no-privileges")),
            str(archive.absolute()),
        ]
        with ClientProcess(clients.restore, arguments, environment(url), heard=hear) as program:
            with closing(program.output(1 << 16)) as output:
                for _ in output:
                    pass
            ended = program.wait()
    if not ended.succeeded:
        raise _failure(clients, url, ended)


def _failure(clients: Clients, url: str, ended: Ended) -> Failure:
    # A statement that failed is cited whole, with all that its author wrote into it: the first line will do.
    lines = redacted(ended.complaints, url).splitlines()
    said = "\n".join(line for line in lines if line.startswith(_TOLD))
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
        (step for cause, step in steps.items() if cause in said), "mend what pg_restore complains about"
    )
    return Failure(
        f"The restore failed: pg_restore {ended.how}; what is in the target is not whole.",
        f"{step}, drop the target database, and restore into a new one.",
        said,
    )


def _left_out(found: Contents, chosen: Sequence[TocEntry], kept: Sequence[TocEntry]) -> list[str]:
    taken = {entry.id for entry in kept}
    tables = [entry for entry in kept if entry.kind == "TABLE"]
    dropped = [entry for entry in chosen if entry.id not in taken]
    # Of what belongs to a chosen table, only a foreign key can have been left out.
    dropped += [
        entry
        for entry in found.of_kind("FK CONSTRAINT")
        if entry not in chosen and any(_belongs(entry, table) for table in tables)
    ]
    return [str(entry) for entry in dropped]


def _belongs(constraint: TocEntry, table: TocEntry) -> bool:
    return constraint.schema == table.schema and constraint.name.startswith(f"{table.name} ")
