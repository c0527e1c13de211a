"""`./bulwark copy`: copies backups to another cloud, encrypted to a public key."""

import json
import sys
from contextlib import nullcontext
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cli.events import RunLog
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, StoreOption, TwinOption
from cli.output import format_lock, format_size
from cli.recovery_context import choose_held, open_context
from cli.recovery_source import find_source
from core.failure import Failure
from recovery.attestation import KEY_VARIABLE
from recovery.context import require_vault
from recovery.elsewhere.copies import BackupCopy
from recovery.elsewhere.fill import copy_backups
from recovery.heartbeat import report_run

JOB: Final = "elsewhere"
"""The job whose monitors are told."""


def copy(
    *,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    store: StoreOption = "all",
    vault: Annotated[Literal["primary", "replica"], Parameter(name="--vault")] = "primary",
    unattested: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Copy the backups that the vault elsewhere lacks to it, encrypted to a public key.

    It takes credentials that read backups, and a key of the other cloud that reads and adds objects. The
    private key is not needed: keep it where no job can read it.

    Args:
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names the vaults, in place of a stack; or beside it
            the document of the copier's role, `aws-secret:NAME`, so that its state is not opened.
        on_twin: Copy what a stack backed up on the twin.
        as_json: Print one JSON document: the document of each new copy, as it lies in the vault.
        store: Only the backups of the store of this name; the copy of all stores is then not reported.
        vault: The vault to copy from; `replica` where the primary one is lost.
        unattested: Go on where nothing can attest the copies, which are then not used.

    Returns:
        0 when every backup that counts, and is younger than the copies' lock, is there.
    """
    found = find_source(stack, on_twin=on_twin, recovery=recovery)
    context = open_context(
        found,
        role="copier",
        vaults=(vault, "elsewhere"),
        jobs=(JOB,),
        needs_outputs=True,
    )
    source, target = require_vault(context.vaults, vault), context.elsewhere
    if not (context.issue_token or unattested or context.trust.accepts_unattested):
        raise Failure(
            "Nothing here can attest the copies, so that they would not be used.",
            "run this in the job that copies (`permissions: id-token: write`), or name an operator's key "
            f"in {KEY_VARIABLE}.",
        )
    with (
        report_run(context, JOB) if store == "all" else nullcontext(),
        RunLog("Copying backups elsewhere", command="copy", stack=context.stack, vault=vault) as run,
    ):
        copies = copy_backups(
            source,
            target,
            trust=context.trust,
            issue_token=context.issue_token,
            stores=choose_held(found, source, store),
            on_progress=lambda backup, done, of: run.progress(
                f"{backup}, {format_size(done)} of {format_size(of)}", backup=backup, done=done, of=of
            ),
        )
    if as_json:
        sys.stdout.write(json.dumps([copy.model_dump(mode="json") for copy in copies], indent=2) + "\n")
        return 0
    for each in copies:
        sys.stdout.write(f"{_describe(each)}\n")
    sys.stdout.write(
        f"{len(copies)} copied; the vault {target.bucket} holds {len(target.copies) + len(copies)}. "
        "Try one now and then: ./bulwark verify --vault elsewhere --deep --identity FILE\n"
    )
    return 0


def _describe(copy: BackupCopy) -> str:
    files = f"{copy.file_count:,} files, " if copy.files else ""
    return (
        f"Backup {copy.backup} of {copy.store} is elsewhere: {files}{format_size(copy.bytes)}, "
        f"{format_lock(copy.locked_until)}."
    )
