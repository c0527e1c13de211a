"""What `backups` and `verify` show of the copies elsewhere."""

import json
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.table import Table

from cli.events import RunLog
from cli.output import format_day, format_size
from cli.servers import scratch_server
from core.console import PrintableConsole, plain
from core.failure import Failure
from core.text import printable
from recovery import catalogue
from recovery.catalogue import Verification
from recovery.context import RecoveryContext
from recovery.elsewhere.copies import BackupCopy, ListedCopy
from recovery.elsewhere.verify import ListedFiles, find_problems, verify_copy, verify_files
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest
from recovery.manifests import manifest_of
from recovery.state import StateManifest, verify_state
from recovery.store import Store
from recovery.verify import check_backup, verify


def list_copies(context: RecoveryContext, *, stores: Collection[Store], as_json: bool) -> int:
    """Print the copies of stores in the vault elsewhere, without a private key; return the exit code."""
    vault = context.elsewhere
    listed = vault.list_copies()
    rows = [_row(copy) for copy in vault.copies if copy.of_store in stores]
    uncounted = [(copy.key, copy.fault) for copy in listed if copy.fault and _is_of(copy, stores)]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    console = PrintableConsole()
    table = Table("store", "backup", "shows (UTC)", "copied (UTC)", "size", "locked until", box=None)
    for row in rows:
        table.add_row(
            row["store"],
            plain(row["id"]),
            row["shows"],
            row["copied"],
            format_size(row["bytes"]),
            row["locked_until"] or "[red]not locked[/red]",
        )
    if rows:
        console.print(table)
    else:
        console.print("There is no copy yet: ./bulwark copy makes one.")
    for key, fault in uncounted:
        console.print(
            printable(f"Does not count: {key}, which {fault}"), style="yellow", markup=False, highlight=False
        )
    return 0


def _is_of(copy: ListedCopy, stores: Collection[Store]) -> bool:
    """Whether a document of a copy is of one of the stores; what can't be read may be of any."""
    return not copy.content or copy.content.of_store in stores


def _row(copy: BackupCopy) -> dict[str, Any]:
    return {
        "store": copy.store,
        "id": copy.backup,
        "tier": copy.tier,
        "shows": f"{copy.shows:%Y-%m-%d %H:%M:%S}",
        "copied": f"{copy.at:%Y-%m-%d %H:%M:%S}",
        "bytes": copy.bytes,
        "locked_until": format_day(copy.locked_until),
        "recipients": list(copy.recipients),
    }


@dataclass(frozen=True)
class VerifiedBackup:
    """A backup that was verified."""

    store: Store
    verification: Verification
    manifest: Manifest | FilesManifest | None = None
    """None for a state, and for a copy whose manifest was not decrypted."""

    def to_json(self) -> dict[str, Any]:
        return {"store": self.store.name, **self.verification.model_dump(mode="json")}


@dataclass
class CopyChecks:
    """The results of verifying copies."""

    looks: list[VerifiedBackup] = field(default_factory=list[VerifiedBackup])
    uncounted: list[str] = field(default_factory=list[str])
    """One phrase for each document that does not count."""


def verify_copies(
    context: RecoveryContext,
    *,
    stores: Collection[Store],
    backup: str | None,
    deep: bool,
    unsandboxed: bool,
) -> CopyChecks:
    """
    Verify the copies elsewhere: all of them, or deep, with the private key, the newest of each store.

    Raises:
        Failure: there is no such copy, or the private key does not open it.
    """
    vault = context.elsewhere
    copies = [
        copy for copy in vault.copies if copy.of_store in stores and (not backup or copy.backup == backup)
    ]
    if backup and not copies:
        raise Failure(f"There is no copy of {backup}.", "./bulwark backups --vault elsewhere lists all.")
    checks = CopyChecks()
    checks.uncounted += [
        f"{one.key}: {one.fault}" for one in vault.list_copies() if one.fault and _is_of(one, stores)
    ]
    if deep:
        for copy, manifest, check in _verify_deep(context, copies, unsandboxed=unsandboxed):
            checks.looks.append(
                VerifiedBackup(
                    copy.of_store,
                    check.model_copy(update={"manifest_sha256": copy.manifest.sha256}),
                    manifest if isinstance(manifest, Manifest | FilesManifest) else None,
                )
            )
        return checks
    listed = ListedFiles(vault.stored)
    for copy in copies:
        with RunLog(f"Verifying {copy.backup}", command="verify", store=copy.store, backup=copy.backup):
            checks.looks.append(VerifiedBackup(copy.of_store, verify_copy(vault, copy, listed)))
    return checks


def _verify_deep(
    context: RecoveryContext, copies: list[BackupCopy], *, unsandboxed: bool
) -> Iterator[tuple[BackupCopy, BackupManifest, Verification]]:
    """Restore the newest copy of each store, and compare; yield the copy, its manifest and the result."""
    vault = context.elsewhere
    by_key = {copy.manifest.key: copy for copy in copies}
    for store in sorted({copy.of_store for copy in copies}):
        backups = catalogue.read_backups(vault, manifest_of(store), context.trust, store=store.name)
        chosen = next(
            (one for one in backups if one.listing.entry.key in by_key and catalogue.is_restorable(one)), None
        )
        if not chosen or not chosen.manifest:
            raise Failure(f"No copy of {store} can be restored.", "see ./bulwark backups --vault elsewhere.")
        copy, manifest = by_key[chosen.listing.entry.key], chosen.manifest
        check = partial(find_problems, vault, copy)
        with RunLog(f"Verifying {copy.backup}", command="verify", store=copy.store, deep=True):
            if isinstance(manifest, Manifest):
                scratch = partial(scratch_server, unsandboxed=unsandboxed)
                result = verify(manifest, vault, scratch=scratch, check=check)
            elif isinstance(manifest, StateManifest):
                deep = partial(verify_state, manifest, vault)
                result = check_backup(manifest, vault, deep=deep, check=check)
            elif isinstance(manifest, FilesManifest):
                result = check_backup(manifest, vault, deep=partial(verify_files, vault, copy), check=check)
            else:
                continue
        yield copy, manifest, result
