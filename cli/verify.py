"""
`./bulwark verify`: compares backups with their manifests, in both vaults.

`--deep` restores and compares one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ValidationError

from cli.backups import STORES
from cli.events import RunLog
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, TwinOption
from cli.recovery_context import find_source, open_context
from cli.servers import scratch_server
from core import vault_layout
from core.console import PrintableConsole
from core.failure import Failure
from core.text import printable
from recovery import catalogue
from recovery.catalogue import Verification
from recovery.context import RecoveryContext, VaultName, require_vault
from recovery.files.manifest import FilesManifest
from recovery.files.verify import verify_files
from recovery.manifest import BackupManifest, Manifest, StoreName
from recovery.postgres.left_out import summarize_left_out
from recovery.state import StateManifest, verify_state
from recovery.vault.client import Exists, Forbidden
from recovery.verify import check_backup
from recovery.verify import verify as verified


@dataclass(frozen=True)
class _Selection:
    """The backups to be verified."""

    vault: VaultName
    store: StoreName | Literal["all"]
    backup: str | None
    deep: bool


def verify(
    *,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    deep: Annotated[bool, Parameter(negative=())] = False,
    store: StoreName | Literal["all"] = "all",
    backup: str | None = None,
    vault: Annotated[VaultName, Parameter(name="--vault")] = "primary",
    add: Path | None = None,
) -> int:
    """
    Check backups against their manifests: presence, size, checksum, lock, and the copy in the replica.

    Args:
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack.
        on_twin: Look at what a stack backed up on the twin.
        as_json: Print one JSON document.
        deep: Restore the newest (or the chosen one) and compare: a database with every table of it, files
            with every byte.
        store: Only this store.
        backup: Only this one; without it all of them, deep the newest of each store.
        vault: `replica` reads from the other region alone.
        add: Only record what another run printed with --json: the role that reads backups can't record it,
            the role that writes them can.

    Returns:
        0 when everything is as it must be.
    """
    source = find_source(stack, on_twin=on_twin, recovery=recovery)
    if add:
        return _add_verifications(open_context(source, role="writer", vaults=("primary",)), add)
    context = open_context(source, vaults=("primary", "replica") if vault == "primary" else ("replica",))
    selection = _Selection(vault, store, backup, deep)
    verifications: list[Verification] = []
    databases: dict[str, Manifest] = {}
    unreadable: list[str] = []
    known = False
    for kind in STORES:
        if store not in {kind.STORE, "all"}:
            continue
        backups = catalogue.read_backups(require_vault(context.vaults, vault), kind)
        known = known or any(entry.id == backup for entry in backups)
        unreadable += [
            f"{entry.id}: its manifest {entry.unreadable}" for entry in backups if entry.unreadable
        ]
        verifications += _verify_all(context, selection, backups)
        databases |= {entry.id: entry.manifest for entry in backups if isinstance(entry.manifest, Manifest)}
    if backup and not known:
        raise Failure(f"There is no backup {backup}.", "./bulwark backups lists all of them.")
    recorded = _record_all(context, verifications, vault)
    if as_json:
        document = {
            "looks": [verification.model_dump(mode="json") for verification in verifications],
            "left_out": {
                look.backup: [item.model_dump(mode="json") for item in databases[look.backup].left_out]
                for look in verifications
                if look.backup in databases
            },
            "unreadable": unreadable,
            "warnings": context.warnings,
            "recorded": recorded,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_verifications(verifications, databases, unreadable)
    return (
        0
        if verifications and not unreadable and all(verification.passed for verification in verifications)
        else 1
    )


def _verify_all(
    context: RecoveryContext, selection: _Selection, backups: list[catalogue.Backup[Any]]
) -> Iterator[Verification]:
    for manifest in _select_manifests(selection, backups):
        doing = f"Verifying {manifest.id}"
        with RunLog(doing, command="verify", store=manifest.STORE, backup=manifest.id, deep=selection.deep):
            verification = _verify_one(manifest, context, selection)
        yield verification


def _select_manifests(selection: _Selection, backups: list[catalogue.Backup[Any]]) -> list[BackupManifest]:
    if selection.backup:
        return [
            catalogue.choose_backup(backups, backup_id=entry.id)
            for entry in backups
            if entry.id == selection.backup
        ]
    readable = [entry.manifest for entry in backups if entry.manifest]
    if not selection.deep:
        return readable
    return [catalogue.choose_backup(backups)] if any(manifest.is_complete for manifest in readable) else []


def _verify_one(manifest: BackupManifest, context: RecoveryContext, selection: _Selection) -> Verification:
    vault = require_vault(context.vaults, selection.vault)
    replica = context.vaults.get("replica") if selection.vault == "primary" else None
    if isinstance(manifest, Manifest):
        return verified(manifest, vault, replica=replica, scratch=scratch_server if selection.deep else None)
    if isinstance(manifest, FilesManifest):
        return verify_files(manifest, vault, replica=replica, deep=selection.deep)
    if isinstance(manifest, StateManifest) and selection.deep:
        return check_backup(manifest, vault, replica=replica, deep=lambda: verify_state(manifest, vault))
    return check_backup(manifest, vault, replica=replica)


class _PrintedVerifications(BaseModel):
    """The part of a run's --json output that another run records."""

    looks: list[Verification]


def _add_verifications(context: RecoveryContext, file: Path) -> int:
    try:
        looks = _PrintedVerifications.model_validate_json(file.read_bytes()).looks
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name what --json printed.") from None
    except ValidationError:
        raise Failure(
            f"{file} is not what a verification printed.", "save it: ./bulwark verify --json > FILE."
        ) from None
    for look in looks:
        _record(context, look)
    sys.stdout.write(printable(f"Recorded: {', '.join(look.backup for look in looks) or 'nothing'}.") + "\n")
    return 0


def _record_all(context: RecoveryContext, verifications: list[Verification], source: VaultName) -> bool:
    """Record the looks as the writer, or say why they aren't: the result is the same."""
    try:
        for look in verifications:
            _record(context, look)
    except Forbidden as refused:
        sys.stderr.write(
            f"{refused}\nNot recorded, because who only reads can't. Save what --json prints, and hand it to"
            " ./bulwark verify --add with the credentials that write backups.\n"
        )
        return False
    except Failure as failure:
        if source == "primary":
            raise
        sys.stderr.write(f"{failure}\nNot recorded, because the primary vault can't take it.\n")
        return False
    return True


def _record(context: RecoveryContext, verification: Verification) -> None:
    with suppress(Exists):  # recorded already
        context.recording_vault.put(
            vault_layout.verification(verification.backup, verification.at),
            verification.model_dump_json().encode(),
        )


def _print_verifications(
    verifications: list[Verification], databases: Mapping[str, Manifest], unreadable: list[str]
) -> None:
    console = PrintableConsole()
    for look in verifications:
        how = "restored and compared" if look.deep else "read and compared"
        if look.passed:
            exceptions = _describe_exceptions(databases.get(look.backup))
            console.print(printable(f"{look.backup}: {how}, good{exceptions}"), style="green", markup=False)
        for problem in look.problems:
            console.print(printable(f"{look.backup}: {problem}"), style="red", markup=False)
        for line in look.pending:
            console.print(printable(f"{look.backup}: {line}"), markup=False)
    for line in unreadable:
        console.print(printable(line), style="red", markup=False)
    if not verifications and not unreadable:
        console.print("There is nothing to verify: ./bulwark backup makes a backup.", style="yellow")


def _describe_exceptions(manifest: Manifest | None) -> str:
    """Return what "good" does not stand for: what the backup of a database does not hold."""
    if not manifest:
        return ""
    if not manifest.knows_left_out:
        return "; an earlier version did not list what is not in it"
    missing = ", ".join(summarize_left_out(manifest.left_out))
    return f", except for what is not in it: {missing}" if missing else ""
