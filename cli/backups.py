"""`./bulwark backups`: lists the backups in both vaults, and how they were verified."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Column, Table

from cli.elsewhere import list_copies
from cli.ending import Ending
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, StoreOption, TwinOption
from cli.output import format_day, format_size
from cli.recovery_context import choose_held, declared_stores, open_context, stores_to_prove
from cli.recovery_source import RecoverySource, describe_options, describe_source, find_source
from core import vault_layout
from core.console import PrintableConsole, plain
from core.objectives import format_duration
from core.text import printable
from recovery import catalogue
from recovery.attestation import Trust
from recovery.catalogue import Backup, Judgements, Verification, choose_best_proof
from recovery.context import RecoveryContext
from recovery.drill import records
from recovery.drill.records import DrillRecord, ProofsByDrills
from recovery.files.journals import read_journals
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, LeftOut, Manifest
from recovery.manifests import MANIFESTS, find_stores, manifest_of
from recovery.postgres.left_out import summarize_left_out
from recovery.proof import find_proof
from recovery.replica import ReplicaStatus, read_replica_status
from recovery.store import Store, choose_stores
from recovery.vault.lease import read_newest_lease
from recovery.vault.vault import VaultClient


def backups(
    *,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    store: StoreOption = "all",
    vault: Annotated[Literal["primary", "elsewhere"], Parameter(name="--vault")] = "primary",
) -> int:
    """
    List the backups by store: when, how large, how long locked, in which vaults, and when they were verified.

    Args:
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack.
        on_twin: List what a stack backed up on the twin.
        as_json: Print one JSON document, a list; each entry names its store.
        store: Only the backups of the store of this name.
        vault: `elsewhere` lists the encrypted copies at another cloud, for which no private key is needed.
    """
    source = find_source(stack, on_twin=on_twin, recovery=recovery)
    if vault == "elsewhere":
        context = open_context(source, vaults=("elsewhere",))
        chosen = choose_held(source, context.elsewhere, store)
        return list_copies(context, stores=chosen, as_json=as_json)
    context = open_context(source)
    primary, trust = context.primary, context.trust
    drills = records.read_records(primary, trust)
    drilled = records.proofs_by_drills(drills)
    judgements = catalogue.read_judgements(primary, trust)
    chosen = _choose_held(source, context, store)
    listed: dict[Store, list[Backup[Any]]] = {one: [] for one in chosen}
    for kind in MANIFESTS:
        for backup in catalogue.read_backups(primary, kind, trust, store=None, judgements=judgements):
            if backup.store in listed:
                listed[backup.store].append(backup)
    rows = [row for one in chosen for row in _rows(context, one, listed[one], drilled)]
    if as_json:
        sys.stdout.write(json.dumps([row | _warnings_of(context) for row in rows], indent=2) + "\n")
        return 0
    console = PrintableConsole()
    _print_tables(console, chosen, rows)
    proven = stores_to_prove(source, primary)
    faults: list[str] = []
    for held in chosen:
        proof = find_proof(held, listed[held], drilled) if held in proven else None
        if fault := proof and proof.find_fault(datetime.now(UTC), context.find_longest_proof_age(held.name)):
            faults.append(fault)
    for fault in faults:
        console.print(f"{fault[0].upper()}{fault[1:]}.", style="red", highlight=False)
    ignored = _list_ignored(judgements, drills, listed, is_all=store == "all")
    planted = (
        found
        for one in chosen
        if one.kind == "files"
        for found in _find_planted(primary, trust, one, listed[one])
    )
    for key, why in (*ignored, *planted):
        console.print(
            printable(f"Does not count: {key}, which {why}"), style="yellow", markup=False, highlight=False
        )
    _judge(bool(rows), faults, describe_options(source)).write()
    return 0


def _judge(is_any: bool, faults: Sequence[str], options: str) -> Ending:
    if not is_any:
        return Ending(True, "There is no backup yet.", f"./bulwark backup all{options}")
    if faults:
        return Ending(True, "Not everything is proven.", f"./bulwark verify --deep{options}")
    return Ending(True, "No proof is missing or too old.")


def _list_ignored(
    judgements: Judgements,
    drills: Sequence[DrillRecord],
    listed: Mapping[Store, Sequence[Backup[Any]]],
    *,
    is_all: bool,
) -> list[tuple[str, str]]:
    """Return what does not count of verifications, disownments and drills, and why: of the listed stores."""
    ids = {backup.id for backups in listed.values() for backup in backups}
    return [
        *((key, why) for key, why in judgements.ignored if is_all or ids & set(key.split("/"))),
        *(
            (f"drill {record.id}", record.doubt)
            for record in drills
            if record.doubt and (is_all or any(record.recovers(store) for store in listed))
        ),
    ]


def _choose_held(source: RecoverySource, context: RecoveryContext, name: str) -> tuple[Store, ...]:
    """Return the stores whose backups are listed, the replica's as well: the primary may have lost them."""
    replica = context.vaults.get("replica")
    more = find_stores(replica) if replica else ()
    known = (*declared_stores(source), *find_stores(context.primary), *more)
    place = f"{describe_source(source)} and its vaults"
    return choose_stores(tuple(dict.fromkeys(known)), name, place=place)


def _warnings_of(context: RecoveryContext) -> dict[str, Any]:
    return {"warnings": context.warnings} if context.warnings else {}


def _print_tables(console: PrintableConsole, stores: Sequence[Store], rows: list[dict[str, Any]]) -> None:
    """Print a table for each store that has backups, and under it what is wrong with them."""
    for store in stores:
        if chosen := [row for row in rows if (row["kind"], row["store"]) == store]:
            console.print(_table(store.name, chosen))
            for row in chosen:
                for problem in (*row["doubts"], *row["problems"]):
                    console.print(
                        printable(f"{row['id']}: {problem}"), style="red", markup=False, highlight=False
                    )
            _print_left_out(console, chosen)
            console.print()


def _print_left_out(console: PrintableConsole, rows: list[dict[str, Any]]) -> None:
    """Print what the newest backup does not hold, and for earlier ones where that differs."""
    backups: dict[str, list[str]] = {}
    for row in rows:
        if row["left_out"]:
            missing = summarize_left_out(LeftOut(**item) for item in row["left_out"])
            backups.setdefault(", ".join(missing), []).append(row["id"])
    for missing, ids in backups.items():
        which = ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} earlier"
        console.print(printable(f"Not in {which}: {missing}."), markup=False, highlight=False)


def _find_planted(
    vault: VaultClient, trust: Trust, store: Store, of_files: list[Backup[Any]]
) -> Iterator[tuple[str, str]]:
    """Yield journals and the lease of a store of files that are not believed, and why."""
    newest = next((backup for backup in of_files if backup.counts), None)
    for journal in read_journals(vault, trust, store.name, after=newest.stored_at if newest else None):
        if journal.fault:
            yield journal.key, journal.fault
    lease = read_newest_lease(vault, vault_layout.file_lease(store.name))
    if lease and lease.fault:
        yield lease.key, lease.fault


def _table(store: str, rows: list[dict[str, Any]]) -> Table:
    """Return a table with two lines per backup, which fits into 80 columns."""
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
        size_and_tier = ", ".join(filter(None, (format_size(row["bytes"]), row["tier"])))
        table.add_row(
            f"{plain(row['id'])}\n  {row['shows'] or '[red]?[/red]'}",
            f"{plain(row['holds'] or '') or '[red]?[/red]'}\n{size_and_tier}",
            f"{row['locked_until'] or '[red]not locked[/red]'}\n{_coloured_replica(row)}",
            "[red]does not count\nsee below[/red]"
            if row["doubts"]
            else f"{row['verified'] or '[red]never[/red]'}\n{_coloured_proof(row)}",
        )
    return table


def _rows(
    context: RecoveryContext,
    store: Store,
    listed: list[Backup[Any]],
    drilled: ProofsByDrills,
) -> list[dict[str, Any]]:
    """Return the backups of one store, of which `listed` are in the primary vault, the newest first."""
    replica, kind = context.vaults.get("replica"), manifest_of(store)
    in_replica = (
        {backup.id for backup in catalogue.list_backups(replica, kind, store=store.name)}
        if replica
        else set[str]()
    )
    only_there = in_replica - {backup.id for backup in listed}
    in_replica_only = (
        [
            backup
            for backup in catalogue.read_backups(replica, kind, context.trust, store=store.name)
            if backup.id in only_there
        ]
        if replica and only_there
        else []
    )
    rows = [
        _row(backup, _replica_status(context, backup, in_replica), drilled, in_primary=True)
        for backup in listed
    ]
    rows += [
        _row(backup, ReplicaStatus(backup.id, "there"), drilled, in_primary=False)
        for backup in in_replica_only
    ]
    return sorted(rows, key=lambda row: (row["stored"], row["id"]), reverse=True)


def _replica_status(context: RecoveryContext, backup: Backup[Any], copies: set[str]) -> ReplicaStatus | None:
    """Return where the copy of a backup is; None without a replica."""
    if "replica" not in context.vaults:
        return None
    if backup.id in copies:
        return ReplicaStatus(backup.id, "there")
    entry = backup.listing.entry
    return read_replica_status(entry.key, entry.version, context.primary, context.vaults["replica"])[0]


def _row(
    backup: Backup[Any],
    replica: ReplicaStatus | None,
    drilled: ProofsByDrills,
    *,
    in_primary: bool,
) -> dict[str, Any]:
    manifest: BackupManifest | None = backup.manifest
    by_drills = records.proofs_of(drilled, backup)
    proof = choose_best_proof([*backup.proofs, *by_drills])
    doubts = list(dict.fromkeys(filter(None, (*backup.doubts, backup.unreadable))))
    return {
        "store": backup.store.name,
        "kind": backup.store.kind,
        "id": backup.id,
        "tier": backup.tier,
        "shows": f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S}" if manifest else None,
        "holds": manifest.summary if manifest else None,
        "bytes": manifest.bytes if manifest else 0,
        "locked_until": format_day(manifest.locked_until) if manifest else None,
        "in_primary": in_primary,
        "replica": replica.state if replica else None,
        "replica_late_seconds": round(replica.age.total_seconds()) if replica else 0,
        "stored": f"{backup.stored_at:%Y-%m-%d %H:%M:%S}",
        "counts": backup.counts,
        "doubts": doubts,
        "verified": f"{proof.proven_at:%Y-%m-%d %H:%M}" if proof else None,
        "how": _method(proof.verification, by_drill=proof in by_drills) if proof else None,
        "problems": list(proof.verification.problems) if proof else [],
        "left_out": [item.model_dump() for item in manifest.left_out]
        if isinstance(manifest, Manifest | FilesManifest)
        else [],
        "dump_warnings": list(manifest.warnings) if isinstance(manifest, Manifest) else [],
    }


def _coloured_replica(row: dict[str, Any]) -> str:
    if not row["in_primary"]:
        return "[red]only there[/red]"
    late = format_duration(timedelta(seconds=row["replica_late_seconds"]))
    match row["replica"]:
        case None:
            return "no replica"
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


def _method(verification: Verification, *, by_drill: bool) -> str:
    if by_drill:
        return "drill"
    return "restored" if verification.deep else "read"
