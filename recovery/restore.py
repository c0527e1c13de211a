"""Restores a backup of the database into an empty database, never into the one that the stack uses."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from core.documents import DocumentError
from core.failure import Failure
from core.text import printable
from recovery.manifest import Manifest
from recovery.postgres.archive_check import require_as_in_manifest
from recovery.postgres.client_programs import find_client_programs
from recovery.postgres.compression import DamagedFrame, decompress
from recovery.postgres.connection import connect, explain_errors, is_same_database
from recovery.postgres.copy_freeze import add_copy_freeze
from recovery.postgres.disk_space import require_space, write_archive
from recovery.postgres.globals import Globals
from recovery.postgres.globals_restore import (
    GlobalsResult,
    restore_roles,
    restore_settings,
    without_owners,
)
from recovery.postgres.left_out import summarize_left_out
from recovery.postgres.load import load
from recovery.postgres.owner_rights import let_owners_create
from recovery.postgres.role_passwords import RolePasswords
from recovery.postgres.session_settings import load_session_url
from recovery.postgres.target import require_empty
from recovery.postgres.toc import read_toc
from recovery.postgres.toc_filter import referenced_roles
from recovery.postgres.unnamed_file import UnnamedFile
from recovery.vault.client import Damaged
from recovery.vault.documents import read_document, unreadable
from recovery.vault.objects import object_label
from recovery.vault.vault import VaultClient

OnRestoreProgress = Callable[[Literal["fetched", "made"], int, int], None]
"""Called with the step, what is done and the total: bytes that were fetched, objects that were made."""

_NO_LOSS: Final = frozenset(
    {
        # They are made anew by the restore, or are elsewhere.
        "contents of materialized view",
        "rows of foreign table",
        "invalid index",
        "tablespace",
        "database property",
        # They are not of this database.
        "role",
        "other database",
        "prepared transaction",
        "replication origin",
        "replication slot",
    }
)
"""Kinds of what a backup does not hold (see Manifest.left_out) without which a copy is still complete."""

_PASSWORDS: Final = "passwords of role"


@dataclass(frozen=True)
class RestoreOptions:
    """How a backup is restored."""

    jobs: int = 2
    """Connections that restore in parallel."""

    tables: tuple[str, ...] = ()
    """Names as in SQL. Empty: everything."""

    owners: bool = True
    """Whether owners, grants and roles are restored. If not, everything belongs to the role that restores."""

    role: str = ""
    """The role to act as; by default that of the target's URL."""

    leave_out: tuple[str, ...] = ()
    """Objects that are left out with all that needs them, named as the messages of a restore do."""

    search_path: str = ""
    """Schemas in which names without a schema are found. Empty: such names are not found."""

    placeholder_roles: bool = False
    """Whether the roles of the source's vendor are made, without any right: for another vendor's server."""

    partial: bool = False
    """Whether what needs a missing extension is left out, instead of failing the restore."""

    passwords: RolePasswords = field(default_factory=RolePasswords)


@dataclass(frozen=True)
class RestoreResult:
    """What a restore that succeeded did, one phrase per item."""

    applied: tuple[str, ...] = ()
    """What was made beside the dump: roles, memberships, settings."""

    failed: tuple[str, ...] = ()
    """What the backup holds and could not be made in this target, each with the reason."""

    left_out: tuple[str, ...] = ()
    """What the source had and the backup does not hold, each with the reason."""

    omitted: tuple[str, ...] = ()
    """What is not there because it was asked for so."""

    notes: tuple[str, ...] = ()
    """What whoever restores should know; nothing is missing because of it."""

    @property
    def is_complete(self) -> bool:
        """Whether everything is there that the source had and that was asked for."""
        return not self.failed and not self.left_out


@dataclass(frozen=True)
class FetchedBackup:
    """A backup that was downloaded to this machine."""

    manifest: Manifest
    archive: UnnamedFile
    """The dump, uncompressed: a parallel restore has to seek in it."""

    source_globals: Globals


def fetch_backup(
    manifest: Manifest,
    vault: VaultClient,
    folder: Path,
    *,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> FetchedBackup:
    """
    Download a backup to the disk of a folder, into a file without a name: it holds personal data in clear.

    Raises:
        Failure: the backup is damaged, or the disk is too small.
    """
    require_space(folder, manifest.dump_bytes)
    source_globals = fetch_globals(manifest, vault)
    chunks = _report_fetched(_read_dump(manifest, vault), manifest.dump_bytes, on_progress)
    return FetchedBackup(manifest, write_archive(add_copy_freeze(chunks), folder), source_globals)


def fetch_globals(manifest: Manifest, vault: VaultClient) -> Globals:
    """
    Download what a backup holds beside its dump: roles, settings, extensions.

    Raises:
        Failure: the object is damaged or missing.
    """
    try:
        return read_document(vault, manifest.cluster, Globals)
    except DocumentError as error:
        raise unreadable(manifest.cluster.key, error) from None


def _read_dump(manifest: Manifest, vault: VaultClient) -> Iterator[bytes]:
    """Yield the uncompressed dump. A Failure names the object in the vault, and checksums that differ."""
    dump = manifest.dump

    def read() -> Iterator[bytes]:
        return vault.read(dump.key, dump.version, sha256=dump.sha256, expected_bytes=dump.bytes)

    try:
        yield from decompress(read(), max_bytes=manifest.dump_bytes)
    except DamagedFrame as damage:
        # It is noticed before the checksum, which comes with the object's end.
        for _ in read():
            pass
        raise Damaged(
            f"{object_label(dump.key, dump.version, vault.bucket)} is damaged, though its SHA-256 is as in "
            "the manifest.",
            "use another backup; keep this one for the inquiry.",
            str(damage),
        ) from None


def load_backup(
    backup: FetchedBackup,
    url: str,
    *,
    options: RestoreOptions | None = None,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> RestoreResult:
    """
    Load a fetched backup into the empty database at `url` and remove the archive; see `restore_database`.

    Raises:
        Failure: the target is not empty, or the restore failed.
    """
    with backup.archive:
        return _load(backup, url, options or RestoreOptions(), on_progress)


def _load(
    backup: FetchedBackup, url: str, options: RestoreOptions, on_progress: OnRestoreProgress
) -> RestoreResult:
    archive, source_globals = backup.archive.path, backup.source_globals
    toc = read_toc(archive)
    require_as_in_manifest(toc, backup.manifest)
    if not options.owners:
        source_globals = without_owners(source_globals, referenced_roles(toc.entries, owners=False))
    url = load_session_url(url, role=options.role, search_path=options.search_path)
    with connect(url) as connection, explain_errors(connection, "recreate roles"):
        before = restore_roles(connection, source_globals, placeholder_roles=options.placeholder_roles)
        server_major = connection.info.server_version // 10_000
    major = max(server_major, _major_version(backup.manifest.tools["pg_dump"]))
    clients = find_client_programs(url, major=major)
    with let_owners_create(url) if options.owners else nullcontext():
        loaded = load(
            clients,
            url,
            archive,
            figures=backup.manifest,
            jobs=options.jobs,
            tables=options.tables,
            owners=options.owners,
            leave_out=options.leave_out,
            own_search_path=bool(options.search_path),
            partial=options.partial,
            on_progress=lambda done, total: on_progress("made", done, total),
        )
    # Settings of the target, such as its timeouts, would hinder the load.
    with connect(url) as connection, explain_errors(connection, "recreate settings"):
        after = restore_settings(connection, source_globals, passwords=options.passwords)
    return RestoreResult(
        applied=(*before.applied, *after.applied),
        failed=(*before.failed, *loaded.failed, *after.failed),
        left_out=tuple(_list_left_out(backup.manifest, is_loss=True)),
        omitted=tuple(loaded.omitted),
        notes=(
            *(f"not in the backup: {kind}" for kind in _list_left_out(backup.manifest, is_loss=False)),
            *loaded.notes,
            *_list_notes(after, options),
        ),
    )


def _list_left_out(manifest: Manifest, *, is_loss: bool) -> list[str]:
    items = [
        item
        for item in manifest.left_out
        if (item.kind not in _NO_LOSS) == is_loss and item.kind != _PASSWORDS
    ]
    return summarize_left_out(items, reasons=True)


def _list_notes(result: GlobalsResult, options: RestoreOptions) -> Iterator[str]:
    if not options.owners:
        yield "roles, owners and grants were not restored, as asked"
    for role in result.without_password:
        yield (
            f"{printable(role)} can't log in, because it has no password: restore with --passwords or "
            f"--new-passwords, or in psql: ALTER ROLE {_quote(role)} LOGIN; \\password {_quote(role)}"
        )
    for role in result.unknown_roles:
        yield f"{printable(role)} got no password: the backup has no role of that name that logs in"


def restore_database(
    manifest: Manifest,
    vault: VaultClient,
    url: str,
    *,
    folder: Path,
    source_url: str | None = None,
    options: RestoreOptions | None = None,
    on_progress: OnRestoreProgress = lambda *_: None,
) -> RestoreResult:
    """
    Restore a backup into the database at `url`, and return what was made, failed and was left out.

    Args:
        manifest: of the backup.
        vault: the vault to read from, the primary or its replica.
        url: of an empty database.
        folder: on the disk that takes the dump during the restore.
        source_url: of the database that the stack runs on. It is refused as the target, and may be lost.
        options: see RestoreOptions.
        on_progress: see OnRestoreProgress.

    Raises:
        Failure: the target is not empty or is the source, the backup is damaged, or the restore failed.
    """
    notes = _require_other_database(source_url, url) if source_url else []
    backup = fetch_backup(manifest, vault, folder, on_progress=on_progress)
    result = load_backup(backup, url, options=options, on_progress=on_progress)
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


def _quote(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
