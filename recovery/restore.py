"""Brings a backup back: into an empty database, and never over the one that it came from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.failure import Failure
from recovery.manifest import Manifest
from recovery.postgres.client_programs import find
from recovery.postgres.compression import decompressed
from recovery.postgres.connection import connected, explained, same_server
from recovery.postgres.copy_freeze import frozen
from recovery.postgres.disk_space import download_space, written
from recovery.postgres.globals import Globals
from recovery.postgres.globals_restore import recreate
from recovery.postgres.load import load
from recovery.postgres.target import require_empty
from recovery.vault.vault import VaultClient

OnRestoreProgress = Callable[[Literal["fetched", "made"], int, int], None]


@dataclass(frozen=True)
class Fetched:
    """A backup on this machine."""

    manifest: Manifest
    archive: Path
    """The dump, uncompressed: a parallel restore needs to seek in it."""

    around: Globals
    """What the dump leaves out."""

    jobs: int
    """Connections that restore it in parallel."""


def fetch_backup(
    manifest: Manifest,
    vault: VaultClient,
    folder: Path,
    *,
    jobs: int = 2,
    progress: OnRestoreProgress = lambda *_: None,
) -> Fetched:
    """
    Fetch a backup into a folder, where it is personal data; what can't be fetched whole leaves nothing.

    What a single connection restores has to be another archive than what `jobs` restore in parallel.

    Raises:
        Failure: for a damaged backup, or a disk that is too small.
    """
    download_space(folder, manifest.dump_bytes)
    cluster, dump = manifest.cluster, manifest.dump
    around = b"".join(vault.read(cluster.key, cluster.version, sha256=cluster.sha256))
    archive = folder / f"{manifest.id}.pgc"
    chunks = decompressed(vault.read(dump.key, dump.version, sha256=dump.sha256))
    told = _told(chunks, manifest.dump_bytes, progress)
    written(frozen(told) if jobs > 1 else told, archive)
    return Fetched(manifest, archive, Globals.model_validate_json(around), jobs)


def load_backup(
    backup: Fetched,
    url: str,
    *,
    tables: tuple[str, ...] = (),
    stand_ins: bool = False,
    progress: OnRestoreProgress = lambda *_: None,
) -> list[str]:
    """
    Load a fetched backup into the empty database at `url`, and remove what was fetched; see `restored`.

    Raises:
        Failure: for a target that is not empty, or any error on the way.
    """
    try:
        with connected(url) as connection, explained(connection, "recreate roles and settings"):
            made = recreate(connection, backup.around, stand_ins=stand_ins)
            newest = max(connection.info.server_version // 10_000, _major(backup.manifest.tools["pg_dump"]))
        left_out = load(
            find(url, major=newest),
            url,
            backup.archive,
            jobs=backup.jobs,
            tables=tables,
            progress=lambda done, of: progress("made", done, of),
        )
    finally:
        backup.archive.unlink(missing_ok=True)
    return [*made.done, *made.impossible, *left_out]


def restore_database(
    manifest: Manifest,
    vault: VaultClient,
    url: str,
    *,
    folder: Path,
    source_url: str | None = None,
    jobs: int = 2,
    tables: tuple[str, ...] = (),
    stand_ins: bool = False,
    progress: OnRestoreProgress = lambda *_: None,
) -> list[str]:
    """
    Restore a backup into the database at `url`; return in words what was made and what was left out.

    Args:
        manifest: The backup.
        vault: The vault to read from, the primary or its replica.
        url: An empty database.
        folder: Where the dump lies meanwhile.
        source_url: The database that the stack runs on; it is never the target, and may be gone.
        jobs: Connections that restore in parallel.
        tables: Names as in SQL; none restores all.
        progress: Is told what is done of how much: bytes that were fetched, objects that were made.
        stand_ins: Make roles without rights where the vendor's own are missing, for a server elsewhere.

    Raises:
        Failure: for a target that is not empty or is the source, a damaged backup, or any error on the way.
    """
    alone = _told_apart(source_url, url) if source_url else []
    backup = fetch_backup(manifest, vault, folder, jobs=jobs, progress=progress)
    made = load_backup(backup, url, tables=tables, stand_ins=stand_ins, progress=progress)
    return [*alone, *made]


def _told(chunks: Iterable[bytes], of: int, progress: OnRestoreProgress) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        done += len(chunk)
        progress("fetched", done, of)
        yield chunk


def _told_apart(source_url: str, url: str) -> list[str]:
    """
    Refuse a target that is the source; one that can't be reached, as after its loss, can't be asked.

    Then the target has to be empty before anything else: whatever it is, nothing is lost in it.
    """
    try:
        same = same_server(source_url, url)
    except Failure:
        with connected(url) as connection:
            require_empty(connection)
        return ["the database that the stack runs on can't be reached; the target was seen to be empty"]
    if same:
        raise Failure(
            "The target is the database that the stack runs on.", "name an empty database elsewhere."
        )
    return []


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])
