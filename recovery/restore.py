"""Restores a backup of the database into an empty database, never into the one that the stack uses."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.documents import DocumentError
from core.failure import Failure
from recovery.manifest import Manifest
from recovery.postgres.client_programs import find_client_programs
from recovery.postgres.compression import decompress
from recovery.postgres.connection import connect, explain_errors, is_same_database
from recovery.postgres.copy_freeze import add_copy_freeze
from recovery.postgres.disk_space import require_space, write_archive
from recovery.postgres.globals import Globals
from recovery.postgres.globals_restore import restore_globals
from recovery.postgres.load import load
from recovery.postgres.owner_rights import let_owners_create
from recovery.postgres.target import require_empty
from recovery.vault.documents import read_document, unreadable
from recovery.vault.vault import VaultClient

OnRestoreProgress = Callable[[Literal["fetched", "made"], int, int], None]
"""Called with the step, what is done and the total: bytes that were fetched, objects that were made."""


@dataclass(frozen=True)
class RestoreResult:
    """What a restore that succeeded did, one phrase per item."""

    applied: tuple[str, ...] = ()
    """What was made beside the dump: roles, memberships, settings."""

    failed: tuple[str, ...] = ()
    """What the backup holds and could not be made in this target, each with the reason."""

    left_out: tuple[str, ...] = ()
    """What was not restored because the backup does not hold it, or because it was not selected."""

    notes: tuple[str, ...] = ()
    """What whoever restores should know; nothing is missing because of it."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that the source had is there."""
        return not self.failed and not self.left_out


@dataclass(frozen=True)
class FetchedBackup:
    """A backup that was downloaded to this machine."""

    manifest: Manifest
    archive: Path
    """The dump, uncompressed: a parallel restore has to seek in it."""

    source_globals: Globals
    jobs: int
    """Connections of the restore. The archive for one connection differs from that for several."""


def fetch_backup(
    manifest: Manifest,
    vault: VaultClient,
    folder: Path,
    *,
    jobs: int = 2,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> FetchedBackup:
    """
    Download a backup into a folder; a failed download leaves nothing there.

    The folder then holds personal data in clear. The archive for several `jobs` loads rows with COPY FREEZE,
    which a restore by a single connection can't use.

    Raises:
        Failure: the backup is damaged, or the disk is too small.
    """
    require_space(folder, manifest.dump_bytes)
    dump = manifest.dump
    source_globals = fetch_globals(manifest, vault)
    archive = folder / f"{manifest.id}.pgc"
    chunks = vault.read(dump.key, dump.version, sha256=dump.sha256, expected_bytes=dump.bytes)
    chunks = decompress(chunks, max_bytes=manifest.dump_bytes)
    chunks = _report_fetched(chunks, manifest.dump_bytes, on_progress)
    write_archive(add_copy_freeze(chunks) if jobs > 1 else chunks, archive)
    return FetchedBackup(manifest, archive, source_globals, jobs)


def fetch_globals(manifest: Manifest, vault: VaultClient) -> Globals:
    """
    Download what a backup holds beside its dump: roles, settings, extensions.

    Raises:
        Failure: the object is damaged or missing.
    """
    stored = manifest.cluster
    try:
        return read_document(vault, stored, Globals)
    except DocumentError as error:
        raise unreadable(stored.key, error) from None


def load_backup(
    backup: FetchedBackup,
    url: str,
    *,
    tables: tuple[str, ...] = (),
    placeholder_roles: bool = False,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> RestoreResult:
    """
    Load a fetched backup into the empty database at `url` and remove the archive; see `restore_database`.

    Raises:
        Failure: the target is not empty, or the restore failed.
    """
    try:
        with connect(url) as connection, explain_errors(connection, "recreate roles and settings"):
            result = restore_globals(connection, backup.source_globals, placeholder_roles=placeholder_roles)
            server_major = connection.info.server_version // 10_000
        major = max(server_major, _major_version(backup.manifest.tools["pg_dump"]))
        with let_owners_create(url):
            left_out = load(
                find_client_programs(url, major=major),
                url,
                backup.archive,
                jobs=backup.jobs,
                tables=tables,
                on_progress=lambda done, total: on_progress("made", done, total),
            )
    finally:
        backup.archive.unlink(missing_ok=True)
    return RestoreResult(tuple(result.applied), tuple(result.failed), left_out)


def restore_database(
    manifest: Manifest,
    vault: VaultClient,
    url: str,
    *,
    folder: Path,
    source_url: str | None = None,
    jobs: int = 2,
    tables: tuple[str, ...] = (),
    placeholder_roles: bool = False,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> RestoreResult:
    """
    Restore a backup into the database at `url`, and return what was made, failed and was left out.

    Args:
        manifest: of the backup.
        vault: the vault to read from, the primary or its replica.
        url: of an empty database.
        folder: for the dump during the restore.
        source_url: of the database that the stack runs on. It is refused as the target, and may be lost.
        jobs: connections that restore in parallel.
        tables: names as in SQL. Empty: everything.
        placeholder_roles: create the vendor's missing roles without any right, for another vendor's server.
        on_progress: see OnRestoreProgress.

    Raises:
        Failure: the target is not empty or is the source, the backup is damaged, or the restore failed.
    """
    notes = _require_other_database(source_url, url) if source_url else []
    backup = fetch_backup(manifest, vault, folder, jobs=jobs, on_progress=on_progress)
    result = load_backup(
        backup, url, tables=tables, placeholder_roles=placeholder_roles, on_progress=on_progress
    )
    return replace(result, notes=(*notes, *result.notes))


def _report_fetched(chunks: Iterable[bytes], total: int, on_progress: OnRestoreProgress) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        on_progress("fetched", done, total)
        yield chunk


def _require_other_database(source_url: str, url: str) -> list[str]:
    """
    Raise Failure if the target is the source; return notes for the user.

    A source that is lost can't be compared. The target must then be empty at once, so that nothing can be
    lost in it.
    """
    try:
        same = is_same_database(source_url, url)
    except Failure:
        with connect(url) as connection:
            require_empty(connection)
        return ["the database that the stack runs on can't be reached; the target was seen to be empty"]
    if same:
        raise Failure(
            "The target is the database that the stack runs on.", "name an empty database elsewhere."
        )
    return []


def _major_version(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])
