"""`./bulwark backup`: backs up the stack's data into its vault."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cli.events import RunLog
from cli.left_out import describe_left_out
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, TwinOption
from cli.output import format_lock, format_size
from cli.recovery_context import (
    DocumentedStack,
    RecoverySource,
    choose_stores,
    export_state,
    find_source,
    open_context,
)
from core import vault_layout
from core.failure import Failure
from core.text import printable
from recovery.attestation import KEY_VARIABLE
from recovery.backup import BackupProgress, back_up
from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.manifest import FilesManifest
from recovery.heartbeat import report_run
from recovery.manifest import BackupManifest, DumpContent, Manifest, StoreName
from recovery.state import back_up_state

_JOBS: Final[dict[str, tuple[StoreName, ...]]] = {"database": ("database", "state"), "files": ("files",)}
"""Job of the settings -> the stores that it backs up."""

_PREFIXES: Final[dict[StoreName, str]] = {
    "database": vault_layout.DATABASE,
    "files": vault_layout.FILES,
    "state": vault_layout.STATE,
}
"""Where the backups of a store are in a vault."""


def backup(
    *stores: StoreName | Literal["all"],
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    table: Annotated[tuple[str, ...], Parameter(name="--table", negative=())] = (),
    schema_only: Annotated[bool, Parameter(negative=())] = False,
    data_only: Annotated[bool, Parameter(negative=())] = False,
    accept_gone: Annotated[bool, Parameter(negative=())] = False,
    accept_unreadable: Annotated[bool, Parameter(negative=())] = False,
    unattested: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Back up what the stack holds into its vault.

    Args:
        stores: What of it: the database, the files, the stack's own state, or all; without any, all.
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack.
        on_twin: Back up what another stack's program made on the twin.
        as_json: Print one JSON document, store -> manifest, with a recovery file's `warnings` if there are
            any; progress goes to standard error.
        table: Only this table of the database, with its partitions and children; may be repeated. It is an
            exact name, `table` or `schema.table`, without wildcards.
        schema_only: Definitions without rows.
        data_only: Rows without definitions.
        accept_gone: Go on where a bucket of files has lost more than half of what it had.
        accept_unreadable: A backup of the files is good without those that can't be read at their store.
        unattested: Go on where nothing can attest the backup, which is then used only by its id.

    Returns:
        0 when every manifest is written and holds every file, else 1.
    """
    content = _content(schema_only=schema_only, data_only=data_only)
    _check_options(stores, table=table, content=content, of_files=accept_gone or accept_unreadable)
    target = find_source(stack, on_twin=on_twin, recovery=recovery)
    chosen = choose_stores(target, () if "all" in stores else [store for store in stores if store != "all"])
    contexts = _open_contexts(target, chosen, unattested=unattested)
    manifests: dict[StoreName, BackupManifest] = {}

    def take(store: StoreName) -> None:
        with RunLog(f"Backing up the {store}", command="backup", store=store, stack=target.name) as run:
            contexts[store].primary.wait_for_new_key(_PREFIXES[store], partial(_show_wait, run))
            if store == "database":
                manifests[store] = back_up(
                    contexts[store], tables=table, content=content, on_progress=partial(_show_progress, run)
                )
            elif store == "files":
                manifests[store] = back_up_files(
                    contexts[store],
                    accept_gone=accept_gone,
                    accept_unreadable=accept_unreadable,
                    on_progress=_FileProgressLine(run),
                )
            else:
                manifests[store] = back_up_state(contexts[store], export_state(target))
        if not as_json:
            _print_manifest(manifests[store])
        _require_all_files(manifests[store], accept_unreadable=accept_unreadable)

    failures: list[Failure] = []
    for job, job_stores in _JOBS.items():
        failures += _take_stores(contexts, job, [store for store in job_stores if store in chosen], take)
    if as_json:
        sys.stdout.write(_to_json(manifests, contexts[chosen[0]].warnings))
    for failure in failures[1:]:
        sys.stderr.write(f"{failure}\n")
    if failures:
        raise failures[0]
    if not as_json:
        sys.stdout.write("Unproven until restored: ./bulwark verify --deep\n")
    return 0


def _open_contexts(
    source: RecoverySource, stores: Sequence[StoreName], *, unattested: bool
) -> dict[StoreName, RecoveryContext]:
    """Return what each store is backed up with. For the state the settings do, without its secrets."""
    contexts: dict[StoreName, RecoveryContext] = {}
    others: list[StoreName] = [store for store in stores if store != "state"]
    if others:
        context = open_context(
            source, role="writer", stores=others, vaults=("primary",), jobs=others, needs_outputs=True
        )
        contexts |= dict.fromkeys(others, context)
    if "state" in stores:
        stack = source.target if isinstance(source, DocumentedStack) else source
        contexts["state"] = open_context(stack, role="state-writer", vaults=("primary",))
    for context in contexts.values():
        _require_signer(context, unattested=unattested)
    return contexts


def _to_json(manifests: Mapping[StoreName, BackupManifest], warnings: tuple[str, ...]) -> str:
    documents = {store: manifest.model_dump(mode="json") for store, manifest in manifests.items()}
    more = {"warnings": warnings} if warnings else {}
    return json.dumps({**documents, **more}, indent=2) + "\n"


def _require_signer(context: RecoveryContext, *, unattested: bool) -> None:
    if not (context.issue_token or unattested or context.trust.accepts_unattested):
        raise Failure(
            "Nothing here can attest a backup, so that it would be used only by its id.",
            "run this in the job that backs up (`permissions: id-token: write`), name an operator's key in "
            f"{KEY_VARIABLE}, or add --unattested.",
        )


def _content(*, schema_only: bool, data_only: bool) -> DumpContent:
    if schema_only and data_only:
        raise Failure("--schema-only and --data-only exclude each other.", "choose one, or neither.")
    return "schema" if schema_only else "data" if data_only else "all"


def _check_options(
    stores: Sequence[str], *, table: tuple[str, ...], content: DumpContent, of_files: bool
) -> None:
    if (table or content != "all") and set(stores) != {"database"}:
        raise Failure(
            "--table, --schema-only and --data-only choose from the database alone.",
            "say so: ./bulwark backup database.",
        )
    if of_files and stores and not {"files", "all"} & set(stores):
        raise Failure(
            "--accept-gone and --accept-unreadable are about the files.", "say so: ./bulwark backup files."
        )


def _take_stores(
    contexts: Mapping[StoreName, RecoveryContext],
    job: str,
    stores: Sequence[StoreName],
    take: Callable[[StoreName], None],
) -> list[Failure]:
    """
    Back up each store, whatever happens to the others, and return the failures.

    The job's monitors get a success when all stores are backed up, and nothing from a run without the job's
    own store.
    """
    failures: list[Failure] = []
    own = next((contexts[store] for store in stores if store == job), None)
    with suppress(Failure), report_run(own, job) if own else nullcontext():
        for store in stores:
            try:
                take(store)
            except Failure as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
    return failures


def _print_manifest(manifest: BackupManifest) -> None:
    sys.stdout.write(
        f"Backup {manifest.id} of the {manifest.STORE} is in: {manifest.summary}, "
        f"{format_size(manifest.bytes)}, {format_lock(manifest.locked_until)}.\n"
    )
    if isinstance(manifest, Manifest):
        for warning in manifest.warnings:
            sys.stdout.write(f"pg_dump warns: {printable(warning)}\n")
    if left_out := describe_left_out(manifest):
        sys.stdout.write(f"Not in it: {', '.join(left_out)}.\n")


def _require_all_files(manifest: BackupManifest, *, accept_unreadable: bool) -> None:
    """Raise Failure if a backup of the files does not hold all of them, and that is not accepted."""
    if isinstance(manifest, FilesManifest) and manifest.unreadable and not accept_unreadable:
        first = manifest.left_out[0]
        raise Failure(
            f"{manifest.unreadable:,} files can't be read at their store and are not in backup "
            f"{manifest.id}, such as {first.name}: {first.why}.",
            "let the access key read them, or delete them, and run this again. Where backups without them "
            "are good, add --accept-unreadable.",
        )


def _show_progress(run: RunLog, progress: BackupProgress) -> None:
    """Show rate, size, table, and the share that is counted, where it is known."""
    rate = format_size(round(progress.dumped / max(run.seconds, 0.001)))
    counted = f", {progress.counted / progress.to_count:.0%} counted" if progress.to_count else ""
    table = f", {progress.table}" if progress.table else ""
    run.progress(f"{format_size(progress.dumped)} dumped, {rate}/s{counted}{table}", **vars(progress))


def _show_wait(run: RunLog, seconds_left: int) -> None:
    run.progress(
        f"waiting until the vault's new key may be used, {seconds_left} s at most",
        waiting_for="the new key",
        seconds_left=seconds_left,
    )


class _FileProgressLine:
    """Shows the progress of a backup of files."""

    def __init__(self, run: RunLog) -> None:
        self._run = run
        self._at = {"listed": 0, "to copy": 0, "copied": 0}

    def __call__(self, what: Literal["listed", "to copy", "copied"], count: int) -> None:
        self._at[what] = count
        listed, all_bytes, copied = self._at.values()
        self._run.progress(
            f"{listed:,} listed, {format_size(copied)} of {format_size(all_bytes)} copied",
            listed=listed,
            bytes=copied,
            of_bytes=all_bytes,
        )
