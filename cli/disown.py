"""`./bulwark disown`: marks a backup as not to be used."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cli.attested_documents import attest_all, describe_stored, read_documents, store_all
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, TwinOption
from cli.recovery_context import open_context
from cli.recovery_source import find_source
from core.failure import Failure
from recovery import catalogue
from recovery.attestation import KEY_VARIABLE
from recovery.catalogue import Disownment
from recovery.manifests import MANIFESTS
from recovery.vault.client import Forbidden


def disown(
    backup: str | None = None,
    *,
    reason: Annotated[str, Parameter(negative=())] = "",
    stack: ChosenStackOption = None,
    on_twin: TwinOption = False,
    recovery: RecoveryOption = None,
    as_json: JsonOption = False,
    add: Path | None = None,
) -> int:
    """
    Mark a backup as not to be used: nothing takes it any more unless it is named by its id.

    The backup stays in the vault, which deletes nothing. The job that restores attests the mark.

    Args:
        backup: Id of the backup.
        reason: Why; every list of the backups shows it.
        stack: The stack; `local` is the twin on this machine.
        on_twin: Disown what a stack backed up on the twin.
        recovery: A recovery file in place of a stack (docs/recovery.md).
        as_json: Only print the mark, for a run with --add where the credentials that write backups are.
        add: Store what another run printed with --json.

    Returns:
        0 when the mark is in the vault, or printed.
    """
    target = find_source(stack, on_twin=on_twin, recovery=recovery)
    if add:
        stored = store_all(open_context(target, role="writer"), read_documents(add))
        sys.stdout.write(describe_stored(stored))
        return 0
    if not backup or not reason.strip():
        raise Failure(
            "disown takes the id of a backup, and a reason.", './bulwark disown ID --reason "what is wrong".'
        )
    context = open_context(target)
    vault, trust = context.primary, context.trust
    judgements = catalogue.read_judgements(vault, trust)
    listed = (
        catalogue.read_backups(vault, kind, trust, store=None, judgements=judgements) for kind in MANIFESTS
    )
    found = next(filter(None, (catalogue.find_backup(backups, backup) for backups in listed)), None)
    if not found:
        raise Failure(f"There is no backup {backup}.", "./bulwark backups lists all of them.")
    if not context.issue_token:
        raise Failure(
            "Nothing here can attest, so that the mark would not count.",
            f"run this in the job that restores, or name an operator's key in {KEY_VARIABLE}.",
        )
    mark = Disownment(
        backup=backup, manifest_sha256=found.manifest_sha256, at=datetime.now(UTC), reason=reason.strip()
    )
    documents = attest_all(context, [mark])
    if as_json:
        content = {"documents": [document.model_dump() for document in documents]}
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
        return 0
    try:
        store_all(context, documents)
    except Forbidden as refused:
        raise Failure(
            "The mark is not in the vault, because who only reads can't write it.",
            "run this again with --json > FILE, and hand FILE to ./bulwark disown --add with the credentials "
            "that write backups.",
            str(refused),
        ) from None
    sys.stdout.write(f"Backup {backup} is used only when it is named by its id from now on.\n")
    return 0
