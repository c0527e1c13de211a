"""`./bulwark backups`: what backups there are, in both vaults, and what is proven of them."""

import json
import sys
from datetime import timedelta
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table

from cli.output import day, size
from cli.recovery_context import open_context
from cli.stack import JsonOption, StackOption, TwinOption
from core.objectives import format_duration
from recovery import catalogue
from recovery.catalogue import Backup, Verification, is_proven
from recovery.context import RecoveryContext
from recovery.drill import records
from recovery.drill.records import Proofs
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest
from recovery.replica import ReplicaStatus, standing
from recovery.state import StateManifest

STORES: Final[tuple[type[BackupManifest], ...]] = (Manifest, FilesManifest, StateManifest)


def backups(*, stack: StackOption = "local", on_twin: TwinOption = False, as_json: JsonOption = False) -> int:
    """
    List the backups by store: when, how large, how long locked, in which vaults, and when they were verified.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: List what a stack backed up on the twin.
        as_json: Print one JSON document, a list; each entry names its store.
    """
    site = open_context(stack, on_twin=on_twin)
    seen = records.proofs(records.records(site.vaults["primary"]))
    rows = [row for kind in STORES for row in _rows(site, kind, seen)]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    console = Console()
    for kind in STORES:
        if chosen := [row for row in rows if row["store"] == kind.STORE]:
            console.print(_table(kind.STORE, chosen))
            for row in chosen:
                for problem in row["problems"]:
                    console.print(f"{row['id']}: {problem}", style="red", markup=False, highlight=False)
            console.print()
    if not rows:
        console.print("There is no backup yet: ./bulwark backup makes one.")
    return 0


def _table(store: str, rows: list[dict[str, Any]]) -> Table:
    """Take two lines for each: a terminal of 80 columns has no room for all of it in one."""
    table = Table(
        Column(f"{store}\n  shows (UTC)", no_wrap=True),
        Column("holds\nsize", min_width=25),
        Column("locked until\nreplica", no_wrap=True),
        Column("verified\nhow", no_wrap=True),
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for row in rows:
        table.add_row(
            f"{row['id']}\n  {row['shows'] or '[red]?[/red]'}",
            f"{row['holds'] or '[red]?[/red]'}\n{', '.join(filter(None, (size(row['bytes']), row['tier'])))}",
            f"{row['locked_until'] or '[red]not locked[/red]'}\n{_coloured_replica(row)}",
            f"{row['verified'] or '[red]never[/red]'}\n{_coloured_proof(row)}",
        )
    return table


def _rows(site: RecoveryContext, kind: type[BackupManifest], seen: Proofs) -> list[dict[str, Any]]:
    """Return the backups of one store in either vault, the newest first."""
    primary, replica = site.vaults["primary"], site.vaults["replica"]
    found = {one.id: one for one in catalogue.read_backups(primary, kind)}
    copies = {one.id for one in catalogue.list_backups(replica, kind)}
    only_there = copies - found.keys()
    elsewhere = (
        [one for one in catalogue.read_backups(replica, kind) if one.id in only_there] if only_there else []
    )
    rows = [_row(kind, one, _standing(site, one, copies), seen, in_primary=True) for one in found.values()]
    rows += [_row(kind, one, ReplicaStatus(one.id, "there"), seen, in_primary=False) for one in elsewhere]
    return sorted(rows, key=lambda row: row["id"], reverse=True)


def _standing(site: RecoveryContext, one: Backup[Any], copies: set[str]) -> ReplicaStatus:
    if one.id in copies:
        return ReplicaStatus(one.id, "there")
    entry = one.found.entry
    return standing(entry.key, entry.version, site.vaults["primary"], site.vaults["replica"])[0]


def _row(
    kind: type[BackupManifest], one: Backup[Any], copy: ReplicaStatus, seen: Proofs, *, in_primary: bool
) -> dict[str, Any]:
    manifest: BackupManifest | None = one.manifest
    drilled = records.of(seen, one)
    look = is_proven([*one.verifications, *drilled])
    return {
        "store": kind.STORE,
        "id": one.id,
        "tier": one.tier,
        "shows": f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S}" if manifest else None,
        "holds": manifest.holds if manifest else None,
        "bytes": manifest.bytes if manifest else 0,
        "locked_until": day(manifest.locked_until) if manifest else None,
        "in_primary": in_primary,
        "replica": copy.standing,
        "replica_late_seconds": round(copy.age.total_seconds()),
        "verified": f"{look.at:%Y-%m-%d %H:%M}" if look else None,
        "how": _how(look, by_drill=look in drilled) if look else None,
        "problems": [one.unreadable] if one.unreadable else list(look.problems) if look else [],
    }


def _coloured_replica(row: dict[str, Any]) -> str:
    if not row["in_primary"]:
        return "[red]only there[/red]"
    late = format_duration(timedelta(seconds=row["replica_late_seconds"]))
    match row["replica"]:
        case "there":
            return "yes"
        case "pending":
            return f"on its way, {late}"
        case "overdue":
            return f"[red]on its way, {late}[/red]"
        case other:
            return f"[red]{other}[/red]"


def _coloured_proof(row: dict[str, Any]) -> str:
    return (
        f"[red]{row['how'] or ''}, {len(row['problems'])} wrong[/red]"
        if row["problems"]
        else row["how"] or ""
    )


def _how(look: Verification, *, by_drill: bool) -> str:
    if by_drill:
        return "drill"
    return "restored" if look.deep else "read"
