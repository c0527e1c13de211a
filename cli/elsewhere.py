"""What `backups` and `verify` show of the copies elsewhere."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

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
from recovery.elsewhere.copies import BackupCopy
from recovery.elsewhere.fill import COPIED_KINDS
from recovery.elsewhere.verify import ListedFiles, find_problems, verify_copy, verify_files
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest, StoreName
from recovery.state import StateManifest, verify_state
from recovery.verify import check_backup, verify


def list_copies(context: RecoveryContext, *, as_json: bool) -> int:
    """Print the copies in the vault elsewhere, which takes no private key; return the exit code."""
    vault = context.elsewhere
    listed = vault.list_copies()
    rows = [_row(copy) for copy in vault.copies]
    uncounted = [(copy.key, copy.fault) for copy in listed if copy.fault]
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


@dataclass
class CopyChecks:
    """The results of verifying copies."""

    verifications: list[Verification] = field(default_factory=list[Verification])
    manifests: dict[str, Manifest | FilesManifest] = field(
        default_factory=dict[str, Manifest | FilesManifest]
    )
    """Of the backups whose manifest was decrypted, by their ids."""

    uncounted: list[str] = field(default_factory=list[str])
    """One phrase for each document that does not count."""


def verify_copies(
    context: RecoveryContext,
    *,
    store: StoreName | Literal["all"],
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
        copy
        for copy in vault.copies
        if store in {copy.store, "all"} and (not backup or copy.backup == backup)
    ]
    if backup and not copies:
        raise Failure(f"There is no copy of {backup}.", "./bulwark backups --vault elsewhere lists all.")
    checks = CopyChecks()
    checks.uncounted += [f"{one.key}: {one.fault}" for one in vault.list_copies() if one.fault]
    if deep:
        for copy, manifest, check in _verify_deep(context, copies, unsandboxed=unsandboxed):
            checks.verifications.append(check.model_copy(update={"manifest_sha256": copy.manifest.sha256}))
            if isinstance(manifest, Manifest | FilesManifest):
                checks.manifests[manifest.id] = manifest
        return checks
    listed = ListedFiles(vault.stored)
    for copy in copies:
        with RunLog(f"Verifying {copy.backup}", command="verify", store=copy.store, backup=copy.backup):
            checks.verifications.append(verify_copy(vault, copy, listed))
    return checks


def _verify_deep(
    context: RecoveryContext, copies: list[BackupCopy], *, unsandboxed: bool
) -> Iterator[tuple[BackupCopy, BackupManifest, Verification]]:
    """Restore the newest copy of each store, and compare; yield the copy, its manifest and the result."""
    vault = context.elsewhere
    by_id = {copy.backup: copy for copy in copies}
    for kind in COPIED_KINDS:
        if not any(copy.store == kind.STORE for copy in copies):
            continue
        backups = catalogue.read_backups(vault, kind, context.trust)
        chosen = next((one for one in backups if one.id in by_id and catalogue.is_restorable(one)), None)
        if not chosen or not chosen.manifest:
            raise Failure(
                f"No copy of the {kind.STORE} can be restored.", "see ./bulwark backups --vault elsewhere."
            )
        copy, manifest = by_id[chosen.id], chosen.manifest
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
