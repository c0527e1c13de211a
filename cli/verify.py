"""
`./bulwark verify`: compares backups with their manifests, in both vaults.

`--deep` restores and compares one.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cli.attested_documents import (
    AttestedDocument,
    attest_all,
    describe_stored,
    read_documents,
    store_all,
)
from cli.elsewhere import VerifiedBackup, verify_copies
from cli.ending import Ending
from cli.events import RunLog
from cli.left_out import describe_left_out
from cli.options import (
    ChosenStackOption,
    IdentityOption,
    JsonOption,
    RecoveryOption,
    StoreOption,
    TwinOption,
    UnsandboxedOption,
)
from cli.recovery_context import choose_held, open_context, stores_to_prove
from cli.recovery_source import RecoverySource, describe_options, find_source
from cli.servers import scratch_server
from core.console import PrintableConsole
from core.failure import Failure
from core.text import printable
from recovery import catalogue, proof
from recovery.attestation import KEY_VARIABLE
from recovery.catalogue import Verification
from recovery.context import RecoveryContext, VaultName, require_vault
from recovery.files.manifest import FilesManifest
from recovery.files.verify import verify_files
from recovery.manifest import BackupManifest, Manifest
from recovery.manifests import manifest_of
from recovery.state import StateManifest, verify_state
from recovery.store import Store
from recovery.vault.client import Forbidden
from recovery.verify import check_backup
from recovery.verify import verify as verified


@dataclass(frozen=True)
class _Selection:
    """The backups to be verified."""

    vault: VaultName
    stores: tuple[Store, ...]
    backup: str | None
    deep: bool
    unsandboxed: bool


def verify(
    *,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    deep: Annotated[bool, Parameter(negative=())] = False,
    store: StoreOption = "all",
    backup: str | None = None,
    vault: Annotated[VaultName, Parameter(name="--vault")] = "primary",
    identity: IdentityOption = None,
    add: Path | None = None,
    unsandboxed: UnsandboxedOption = False,
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
        store: Only the store of this name.
        backup: Only this one; without it all of them, deep the newest of each store.
        vault: `replica` reads from the other region alone. `elsewhere` reads the encrypted copies at another
            cloud alone: without --deep it needs no private key, and nothing is recorded.
        identity: File with the private key of the copies elsewhere, as age-keygen writes it, for --deep.
        add: Only record what another run of this or of `disown` printed with --json: the role that reads
            backups can't record it, the role that writes them can.
        unsandboxed: Go on where nothing separates what is restored from your files and credentials: neither
            another user nor a namespace. A dump can hold programs of whoever could write to the vault.

    Returns:
        0 when everything is as it must be.
    """
    source = find_source(stack, on_twin=on_twin, recovery=recovery)
    if add:
        context = open_context(
            source, role="writer", vaults=("primary",), jobs=(proof.JOB,), needs_outputs=True
        )
        stored = store_all(context, read_documents(add))
        sys.stdout.write(describe_stored(stored))
        _report_proof(source, context, [one for one in stored if isinstance(one, Verification)])
        return 0
    if vault == "elsewhere":
        context = open_context(source, vaults=("elsewhere",), identity=identity)
        stores = choose_held(source, context.elsewhere, store)
        return _verify_elsewhere(
            context,
            _Selection(vault, stores, backup, deep, unsandboxed),
            as_json=as_json,
            options=describe_options(source),
        )
    context = open_context(source, vaults=("primary", "replica") if vault == "primary" else ("replica",))
    client, trust = require_vault(context.vaults, vault), context.trust
    selection = _Selection(vault, choose_held(source, client, store), backup, deep, unsandboxed)
    looks: list[VerifiedBackup] = []
    listed: list[catalogue.Backup[Any]] = []
    judgements = catalogue.read_judgements(client, trust)
    for chosen in selection.stores:
        backups = catalogue.read_backups(
            client, manifest_of(chosen), trust, store=chosen.name, judgements=judgements
        )
        listed += backups
        looks += _verify_all(context, selection, backups)
    if backup and all(one.id != backup for one in listed):
        raise Failure(f"There is no backup {backup}.", "./bulwark backups lists all of them.")
    unreadable = [f"{one.store} {one.id}: its manifest {one.unreadable}" for one in listed if one.is_damaged]
    unreadable += [
        f"{one.store} {one.id}: somebody put another version over its manifest, which is not read"
        for one in listed
        if one.listing.entry.is_overwritten
    ]
    uncounted = [
        f"{one.store} {one.id}: {'; '.join(filter(None, (one.unreadable, *one.doubts)))}"
        for one in listed
        if not one.counts and not one.is_damaged
    ]
    verifications = [look.verification for look in looks]
    documents = attest_all(context, verifications)
    recorded = _record_all(context, documents, vault)
    if recorded:
        _report_proof(source, context, verifications)
    if as_json:
        document = {
            "looks": [look.to_json() for look in looks],
            "left_out": {
                look.manifest.id: [item.model_dump(mode="json") for item in look.manifest.left_out]
                for look in looks
                if look.manifest
            },
            "unreadable": unreadable,
            "uncounted": uncounted,
            "warnings": context.warnings,
            "recorded": recorded,
            "documents": [document.model_dump() for document in documents],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_verifications(looks, unreadable, uncounted)
        _judge(looks, unreadable, deep=deep, options=describe_options(source)).write()
    return (
        0
        if verifications and not unreadable and all(verification.passed for verification in verifications)
        else 1
    )


def _verify_elsewhere(context: RecoveryContext, selection: _Selection, *, as_json: bool, options: str) -> int:
    """Verify the copies elsewhere, and print the results; return the exit code. Nothing is recorded."""
    checks = verify_copies(
        context,
        stores=selection.stores,
        backup=selection.backup,
        deep=selection.deep,
        unsandboxed=selection.unsandboxed,
    )
    if as_json:
        document = {
            "looks": [look.to_json() for look in checks.looks],
            "uncounted": checks.uncounted,
            "warnings": context.warnings,
            "recorded": False,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_verifications(checks.looks, [], checks.uncounted)
        _judge(checks.looks, [], deep=selection.deep, options=options).write()
    return 0 if checks.looks and all(look.verification.passed for look in checks.looks) else 1


def _verify_all(
    context: RecoveryContext, selection: _Selection, backups: list[catalogue.Backup[Any]]
) -> Iterator[VerifiedBackup]:
    for backup in _select_backups(selection, backups):
        manifest: BackupManifest | None = backup.manifest
        if not manifest:
            continue
        doing = f"Verifying {manifest.id}"
        with RunLog(doing, command="verify", store=manifest.store, backup=manifest.id, deep=selection.deep):
            verification = _verify_one(manifest, context, selection)
        yield VerifiedBackup(
            backup.store,
            verification.model_copy(update={"manifest_sha256": backup.manifest_sha256}),
            manifest if isinstance(manifest, Manifest | FilesManifest) else None,
        )


def _select_backups(
    selection: _Selection, backups: list[catalogue.Backup[Any]]
) -> list[catalogue.Backup[Any]]:
    """Return the named backup, or all that count; to be restored, only the newest whole one that counts."""
    if selection.backup:
        found = catalogue.find_backup(backups, selection.backup)
        return [found] if found else []
    if not selection.deep:
        return [one for one in backups if one.counts]
    return [one for one in backups if catalogue.is_restorable(one)][:1]


def _verify_one(manifest: BackupManifest, context: RecoveryContext, selection: _Selection) -> Verification:
    vault = require_vault(context.vaults, selection.vault)
    replica = context.vaults.get("replica") if selection.vault == "primary" else None
    if isinstance(manifest, Manifest):
        scratch = partial(scratch_server, unsandboxed=selection.unsandboxed)
        return verified(manifest, vault, replica=replica, scratch=scratch if selection.deep else None)
    if isinstance(manifest, FilesManifest):
        return verify_files(manifest, vault, replica=replica, deep=selection.deep)
    if isinstance(manifest, StateManifest) and selection.deep:
        return check_backup(manifest, vault, replica=replica, deep=lambda: verify_state(manifest, vault))
    return check_backup(manifest, vault, replica=replica)


def _record_all(context: RecoveryContext, documents: list[AttestedDocument], source: VaultName) -> bool:
    """Record the results as the writer, or say why they aren't: the result is the same."""
    if documents and not (context.issue_token or context.trust.accepts_unattested):
        sys.stderr.write(
            "Not attested, so that these results do not count: run this in a job that has an OIDC token, or "
            f"name an operator's key in {KEY_VARIABLE}.\n"
        )
    try:
        store_all(context, documents)
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


def _report_proof(source: RecoverySource, context: RecoveryContext, stored: list[Verification]) -> None:
    """Tell the monitors of the proofs what was found by restoring, once it is in the vault."""
    if deep := [one for one in stored if one.deep]:
        stores = stores_to_prove(source, context.primary)
        for fault in proof.report_proof(context, stores, deep, datetime.now(UTC)):
            sys.stderr.write(printable(f"Not reported as proven: {fault}.") + "\n")


def _print_verifications(
    looks: Sequence[VerifiedBackup],
    unreadable: list[str],
    uncounted: list[str],
) -> None:
    console = PrintableConsole()
    for look in looks:
        found, name = look.verification, f"{look.store} {look.verification.backup}"
        how = "restored and compared" if found.deep else "read and compared"
        if found.passed:
            exceptions = _describe_exceptions(look.manifest)
            console.print(printable(f"{name}: {how}, good{exceptions}"), style="green", markup=False)
        for problem in found.problems:
            console.print(printable(f"{name}: {problem}"), style="red", markup=False)
        for line in (*found.pending, *(f"not proven on this machine: {item}" for item in found.unproven)):
            console.print(printable(f"{name}: {line}"), markup=False)
    for line in unreadable:
        console.print(printable(line), style="red", markup=False)
    for line in uncounted:
        console.print(printable(f"Does not count: {line}"), style="yellow", markup=False)


def _judge(looks: Sequence[VerifiedBackup], unreadable: Sequence[str], *, deep: bool, options: str) -> Ending:
    count = len(looks) + len(unreadable)
    wrong = len(unreadable) + sum(not look.verification.passed for look in looks)
    if not count:
        return Ending(False, "There is no backup that counts.", f"./bulwark backup all{options} makes one.")
    if wrong:
        which = "The backup is not good" if count == 1 else f"{wrong} of {count} backups are not good"
        return Ending(
            False, f"{which}, as is said above.", f"./bulwark backups{options} lists which others there are."
        )
    which = "The backup is good" if count == 1 else f"All {count} backups are good"
    if deep:
        return Ending(True, f"{which}: restored and compared.", f"./bulwark drill{options}")
    return Ending(True, f"{which}: read and compared.", f"./bulwark verify --deep{options} restores them.")


def _describe_exceptions(manifest: Manifest | FilesManifest | None) -> str:
    """Return what "good" does not stand for: what the backup does not hold."""
    if not manifest:
        return ""
    if isinstance(manifest, Manifest) and not manifest.knows_left_out:
        return "; an earlier version did not list what is not in it"
    missing = ", ".join(describe_left_out(manifest))
    return f", except for what is not in it: {missing}" if missing else ""
