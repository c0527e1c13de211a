"""`./bulwark verify`: backups against their manifests, in both vaults; deep: restored and compared."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ValidationError
from rich.console import Console

from cli.backups import STORES
from cli.events import RunLog
from cli.recovery_context import open_context, scratch
from cli.stack import JsonOption, StackOption, TwinOption
from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.catalogue import Verification
from recovery.context import RecoveryContext, VaultName
from recovery.files.manifest import FilesManifest
from recovery.files.verify import verify_files
from recovery.manifest import BackupManifest, Manifest, StoreName
from recovery.state import StateManifest, verify_state
from recovery.vault.client import Exists, Forbidden
from recovery.verify import check_backup
from recovery.verify import verify as verified


@dataclass(frozen=True)
class _Chosen:
    """What is to be looked at."""

    vault: VaultName
    store: StoreName | Literal["all"]
    backup: str | None
    deep: bool


def verify(
    *,
    stack: StackOption = "local",
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
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack backed up on the twin.
        as_json: Print one JSON document.
        deep: Restore the newest (or the one chosen) and compare: a database with every table of it, files
            with every byte.
        store: Only this store.
        backup: Only this one; without it all of them, deep the newest of each store.
        vault: `replica` reads from the other region alone.
        add: Look at nothing, and record what another run found and printed with --json: who only reads
            can't record it, and who writes backups can.

    Returns:
        0 when everything is as it must be.
    """
    if add:
        return _added(open_context(stack, on_twin=on_twin, role="writer"), add)
    site = open_context(stack, on_twin=on_twin)
    chosen = _Chosen(vault, store, backup, deep)
    looks: list[Verification] = []
    unreadable: list[str] = []
    known = False
    for kind in STORES:
        if store not in {kind.STORE, "all"}:
            continue
        found = catalogue.read_backups(site.vaults[vault], kind)
        known = known or any(one.id == backup for one in found)
        unreadable += [f"{one.id}: its manifest {one.unreadable}" for one in found if one.unreadable]
        looks += _looks(site, chosen, found)
    if backup and not known:
        raise Failure(f"There is no backup {backup}.", "./bulwark backups lists all of them.")
    recorded = _recorded(site, looks, vault)
    if as_json:
        document = {
            "looks": [look.model_dump(mode="json") for look in looks],
            "unreadable": unreadable,
            "recorded": recorded,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_looks(looks, unreadable)
    return 0 if looks and not unreadable and all(look.good for look in looks) else 1


def _looks(
    site: RecoveryContext, chosen: _Chosen, found: list[catalogue.Backup[Any]]
) -> Iterator[Verification]:
    for manifest in _manifests(chosen, found):
        doing = f"Verifying {manifest.id}"
        with RunLog(doing, command="verify", store=manifest.STORE, backup=manifest.id, deep=chosen.deep):
            look = _look(manifest, site, chosen)
        yield look


def _manifests(chosen: _Chosen, found: list[catalogue.Backup[Any]]) -> list[BackupManifest]:
    if chosen.backup:
        return [catalogue.choose_backup(found, backup=one.id) for one in found if one.id == chosen.backup]
    readable = [one.manifest for one in found if one.manifest]
    if not chosen.deep:
        return readable
    return [catalogue.choose_backup(found)] if any(manifest.whole for manifest in readable) else []


def _look(manifest: BackupManifest, site: RecoveryContext, chosen: _Chosen) -> Verification:
    vault = site.vaults[chosen.vault]
    replica = site.vaults["replica"] if chosen.vault == "primary" else None
    if isinstance(manifest, Manifest):
        return verified(manifest, vault, replica=replica, scratch=scratch if chosen.deep else None)
    if isinstance(manifest, FilesManifest):
        return verify_files(manifest, vault, replica=replica, deep=chosen.deep)
    if isinstance(manifest, StateManifest) and chosen.deep:
        return check_backup(manifest, vault, replica=replica, deep=lambda: verify_state(manifest, vault))
    return check_backup(manifest, vault, replica=replica)


class _Printed(BaseModel):
    """What a run printed with --json, as far as another one records it."""

    looks: list[Verification]


def _added(site: RecoveryContext, file: Path) -> int:
    try:
        looks = _Printed.model_validate_json(file.read_bytes()).looks
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name what --json printed.") from None
    except ValidationError:
        raise Failure(
            f"{file} is not what a verification printed.", "save it: ./bulwark verify --json > FILE."
        ) from None
    for look in looks:
        _record(site, look)
    sys.stdout.write(f"Recorded: {', '.join(look.backup for look in looks) or 'nothing'}.\n")
    return 0


def _recorded(site: RecoveryContext, looks: list[Verification], source: VaultName) -> bool:
    """Record the looks as the writer, or say why they aren't: the result is the same."""
    try:
        for look in looks:
            _record(site, look)
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


def _record(site: RecoveryContext, look: Verification) -> None:
    with suppress(Exists):  # recorded already
        site.recorder.put(vault_layout.verification(look.backup, look.at), look.model_dump_json().encode())


def _print_looks(looks: list[Verification], unreadable: list[str]) -> None:
    console = Console()
    for look in looks:
        how = "restored and compared" if look.deep else "read and compared"
        if look.good:
            console.print(f"{look.backup}: {how}, good", style="green")
        for problem in look.problems:
            console.print(f"{look.backup}: {problem}", style="red", markup=False)
        for line in look.pending:
            console.print(f"{look.backup}: {line}", markup=False)
    for line in unreadable:
        console.print(line, style="red", markup=False)
    if not looks and not unreadable:
        console.print("There is nothing to verify: ./bulwark backup makes a backup.", style="yellow")
