"""One backup of the database: dump, what a dump leaves out, and the figures, all of one snapshot."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Final, Literal

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.manifest import Manifest, Tier
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.client_programs import Clients, find
from recovery.postgres.compression import compressed
from recovery.postgres.connection import explained
from recovery.postgres.dump import dump
from recovery.postgres.globals import capture
from recovery.postgres.snapshot import Snapshot, snapshot

Content = Literal["all", "schema", "data"]


@dataclass
class BackupProgress:
    """Where a backup is; bytes."""

    dumped: int = 0
    counted: int = 0
    """Read for the figures, of `to_count`: the size of all tables, which the dump reads as well."""

    to_count: int = 0
    table: str = ""
    """Whose rows are being dumped."""


OnBackupProgress = Callable[[BackupProgress], None]
"""Told again and again, of the same `At`, by several threads."""

_LOCK: Final = 0x42554C574152_4B01
"""Key of the advisory lock that one backup at a time holds; the server frees it when its holder is gone."""


def back_up(
    site: RecoveryContext,
    *,
    tables: tuple[str, ...] = (),
    content: Content = "all",
    tier: Tier | None = None,
    progress: OnBackupProgress = lambda *_: None,
) -> Manifest:
    """
    Back up the database into the primary vault and return the manifest, which is in when this returns.

    Raises:
        Failure: for whatever keeps it from being whole; then there is no manifest, and no backup.
    """
    vault = site.vaults["primary"]
    started, at = datetime.now(UTC), BackupProgress()

    def told(**what: Any) -> None:
        vars(at).update(what)
        progress(at)

    chosen = tier or catalogue.tier_for(catalogue.recent(vault, started), started)
    with snapshot(site.database_url) as shot, alone(shot):
        clients = find(site.database_url, major=shot.server.major)
        backup = vault_layout.new_id(started)
        folder = vault_layout.database_backup(chosen, backup)
        counted = _Counted(lambda done: told(dumped=done))
        with ThreadPoolExecutor(1, "figures") as aside:
            taking = aside.submit(
                compute_checksums,
                site.database_url,
                shot,
                selected=tables,
                progress=lambda done, of: told(counted=done, to_count=of),
            )
            dumped = dump(
                clients,
                site.database_url,
                shot.id,
                tables=tables,
                content=content,
                heard=lambda table: told(table=table),
            )
            raw = counted(dumped)
            stored = vault.store(f"{folder}dump.pgc.zst", compressed(raw))
            with explained(shot.connection, "read roles and settings"):
                around = capture(shot.connection)
            cluster = vault.put(f"{folder}cluster.json", around.model_dump_json().encode())
            found = taking.result()
        manifest = Manifest(
            id=backup,
            store="database",
            stack=site.stack,
            tier=chosen,
            started=started,
            snapshot_at=shot.taken_at,
            snapshot_lsn=shot.lsn,
            finished=datetime.now(UTC),
            server=shot.server,
            tools=_tools(clients),
            selected=tables,
            content=content,
            dump=stored,
            dump_bytes=counted.bytes,
            cluster=cluster,
            figures=found,
        )
    vault.put(manifest.key, manifest.model_dump_json(indent=2).encode())
    return manifest


class _Counted:
    """Counts what passes."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self.bytes = 0
        self._told = told

    def __call__(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes += len(chunk)
            self._told(self.bytes)
            yield chunk


@contextmanager
def alone(shot: Snapshot) -> Generator[None]:
    """
    Hold the lock of backups; the session that holds the snapshot holds it too.

    Raises:
        Failure: where another backup of the same database holds it.
    """
    row = shot.connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if not row or not row[0]:
        raise Failure(
            "Another backup of this database is running.",
            "wait for it to end; if its process is gone, the server frees its lock within a minute or two.",
        )
    yield


def _tools(clients: Clients) -> dict[str, str]:
    return {"bulwark": metadata.version("bulwark"), "pg_dump": clients.version}
