"""Backs up a database: its dump, its globals and its checksums, all of one snapshot."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

import psycopg

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.attestation import put_attested
from recovery.context import RecoveryContext
from recovery.manifest import DumpContent, Manifest, Tier
from recovery.postgres.client_programs import ClientPrograms, find_client_programs
from recovery.postgres.compression import compress
from recovery.postgres.connection import explain_errors
from recovery.postgres.database_reading import DatabaseReading
from recovery.postgres.globals import read_globals
from recovery.postgres.left_out import find_left_out
from recovery.postgres.snapshot import take_snapshot
from recovery.vault.clock import require_right_clock

_LOCK: Final = 0x42554C574152_4B01
"""Key of the advisory lock that allows one backup of a database at a time."""


@dataclass
class BackupProgress:
    """Progress of a running backup, in bytes."""

    dumped: int = 0
    counted: int = 0
    """Bytes of tables that are digested."""

    to_count: int = 0
    """Bytes of all tables; the dump reads them too."""

    table: str = ""
    """The table whose rows are being dumped."""


OnBackupProgress = Callable[[BackupProgress], None]
"""Called repeatedly, with the same object, by several threads."""


def back_up(
    context: RecoveryContext,
    *,
    tables: tuple[str, ...] = (),
    content: DumpContent = "all",
    tier: Tier | None = None,
    on_progress: OnBackupProgress = lambda *_: None,
) -> Manifest:
    """
    Back up a database into the primary vault and return the manifest, which has been stored.

    Args:
        context: of the database.
        tables: names as in SQL (see table_name) of the selected tables. Empty: everything.
        content: everything, the definitions alone, or the rows alone.
        tier: decides how long the backup is locked. None chooses it by the backups there are.
        on_progress: see OnBackupProgress.

    Raises:
        Failure: the backup is incomplete. There is no manifest then, and so no backup.
    """
    vault, store = context.primary, context.require_store()
    started, progress = datetime.now(UTC), BackupProgress()

    def report(**changes: int | str) -> None:
        vars(progress).update(changes)
        on_progress(progress)

    now = require_right_clock(vault)
    tier = tier or catalogue.choose_tier(catalogue.read_recent(vault, now, context.trust, store), now)
    with take_snapshot(context.database_url) as snapshot:
        take_backup_lock(snapshot.connection)
        # Those of killed runs: no other run of this store is at work while the lock is held.
        for each in vault_layout.TIERS:
            vault.give_up_uploads(vault_layout.database_store(each, store))
        clients = find_client_programs(context.database_url, major=snapshot.server.major)
        backup_id = vault_layout.new_id(started)
        folder = vault_layout.database_backup(tier, store, backup_id)
        counter = _ByteCounter(lambda done: report(dumped=done))
        with DatabaseReading(
            clients,
            context.database_url,
            snapshot,
            tables=tables,
            content=content,
            connections=context.connections,
            on_progress=lambda done, total: report(counted=done, to_count=total),
            on_table=lambda table: report(table=table),
        ) as reading:
            chunks = counter.count(reading.read_archive())
            stored_dump = vault.store(f"{folder}dump.pgc.zst", compress(chunks))
            with explain_errors(snapshot.connection, "read roles and settings"):
                source_globals = read_globals(snapshot.connection)
                # A selection leaves out all the rest, by the user's own wish.
                left_out = () if tables else find_left_out(snapshot.connection, source_globals)
            stored_globals = vault.put(f"{folder}cluster.json", source_globals.model_dump_json().encode())
            checksums = reading.read_checksums()
        stored_definitions = vault.put(f"{folder}definitions.json.zst", reading.definitions.to_bytes())
        manifest = Manifest(
            id=backup_id,
            store=store,
            stack=context.stack,
            tier=tier,
            started=started,
            snapshot_at=snapshot.taken_at,
            snapshot_lsn=snapshot.lsn,
            finished=datetime.now(UTC),
            server=snapshot.server,
            tools=_tools(clients),
            selected=tables,
            content=content,
            dump=stored_dump,
            dump_bytes=counter.bytes,
            cluster=stored_globals,
            figures=checksums,
            definitions=stored_definitions,
            left_out=left_out,
            warnings=tuple(reading.warnings),
        )
    put_attested(vault, manifest.key, manifest.model_dump_json(indent=2).encode(), context.issue_token)
    return manifest


def take_backup_lock(connection: psycopg.Connection) -> None:
    """
    Lock the database against another backup until the connection ends.

    The connection is the one that holds the snapshot; if its process dies, the server releases the lock.

    Raises:
        Failure: another backup of the same database is running.
    """
    row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if not row or not row[0]:
        raise Failure(
            "Another backup of this database is running.",
            "wait for it to end; if its process is gone, the server frees its lock within a minute or two.",
        )


class _ByteCounter:
    def __init__(self, on_bytes: Callable[[int], None]) -> None:
        self.bytes = 0
        self._on_bytes = on_bytes

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes += len(chunk)
            self._on_bytes(self.bytes)
            yield chunk


def _tools(clients: ClientPrograms) -> dict[str, str]:
    return {"bulwark": metadata.version("bulwark"), "pg_dump": clients.version}
