"""`./bulwark backup`: backs up the stack's data into its vault."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cli.ending import Ending
from cli.events import RunLog
from cli.left_out import describe_left_out
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, TwinOption
from cli.output import format_lock, format_size
from cli.recovery_context import choose_stores, export_state, open_context, open_stores
from cli.recovery_source import DocumentedStack, RecoverySource, describe_options, find_source
from core import vault_layout
from core.failure import Failure
from core.text import printable
from recovery.attestation import KEY_VARIABLE
from recovery.backup import BackupProgress, back_up
from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.manifest import FilesManifest
from recovery.heartbeat import report_run
from recovery.manifest import BackupManifest, DumpContent, Manifest
from recovery.state import back_up_state
from recovery.store import STATE, Store, StoreKind

_PREFIXES: Final[dict[StoreKind, str]] = {
    "database": vault_layout.DATABASE,
    "files": vault_layout.FILES,
    "state": vault_layout.STATE,
}
"""Kind of a store -> where its backups are in a vault."""


def backup(
    *stores: str,
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
    Back up databases and files into the vault, and a stack's own state.

    Args:
        stores: The names of the stores, such as `database`, `files` and `state` of a stack; without any, or
            for `all`, all of them.
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack.
        on_twin: Back up what another stack's program made on the twin.
        as_json: Print one JSON document, store -> manifest, with a recovery file's `warnings` if there are
            any; progress goes to standard error.
        table: Only this table of one database, with its partitions and children; may be repeated. It is an
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
    target = find_source(stack, on_twin=on_twin, recovery=recovery)
    chosen = choose_stores(target, () if "all" in stores else stores)
    _check_options(
        chosen if stores else (), table=table, content=content, of_files=accept_gone or accept_unreadable
    )
    contexts = _open_contexts(target, chosen, unattested=unattested)
    manifests: dict[Store, BackupManifest] = {}

    def take(store: Store) -> None:
        with RunLog(f"Backing up {store}", command="backup", store=store.name, stack=target.name) as run:
            contexts[store].primary.wait_for_new_key(_PREFIXES[store.kind], partial(_show_wait, run))
            if store.kind == "database":
                manifests[store] = back_up(
                    contexts[store], tables=table, content=content, on_progress=partial(_show_progress, run)
                )
            elif store.kind == "files":
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
    for job, job_stores in _group_by_job(chosen).items():
        failures += _take_stores(contexts, job, job_stores, take)
    if as_json:
        sys.stdout.write(_to_json(manifests, contexts[chosen[0]].warnings))
    for failure in failures[1:]:
        sys.stderr.write(f"{failure}\n")
    if failures:
        raise failures[0]
    if not as_json:
        Ending(True, "Unproven until restored.", f"./bulwark verify --deep{describe_options(target)}").write()
    return 0


def _group_by_job(stores: Sequence[Store]) -> dict[str, list[Store]]:
    """Return the stores by the job whose monitors are told: each has its own, the state a database's."""
    jobs = {store.name: [store] for store in stores if store != STATE}
    if STATE in stores:
        first = next((store.name for store in stores if store.kind == "database"), STATE.name)
        jobs.setdefault(first, []).append(STATE)
    return jobs


def _open_contexts(
    source: RecoverySource, stores: Sequence[Store], *, unattested: bool
) -> dict[Store, RecoveryContext]:
    """Return what each store is backed up with. For the state the settings do, without its secrets."""
    contexts: dict[Store, RecoveryContext] = {}
    others = [store for store in stores if store != STATE]
    if others:
        jobs = [store.name for store in others]
        contexts |= open_stores(source, others, role="writer", vaults=("primary",), jobs=jobs, is_read=True)
    if STATE in stores:
        stack = source.target if isinstance(source, DocumentedStack) else source
        contexts[STATE] = open_context(stack, role="state-writer", vaults=("primary",))
    for context in contexts.values():
        _require_signer(context, unattested=unattested)
    return contexts


def _to_json(manifests: Mapping[Store, BackupManifest], warnings: tuple[str, ...]) -> str:
    documents = {store.name: manifest.model_dump(mode="json") for store, manifest in manifests.items()}
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
    stores: Sequence[Store], *, table: tuple[str, ...], content: DumpContent, of_files: bool
) -> None:
    """Raise Failure for options that are of other stores; `stores` is empty where none is named."""
    kinds = [store.kind for store in stores]
    if (table or content != "all") and kinds != ["database"]:
        raise Failure(
            "--table, --schema-only and --data-only choose from one database.",
            "name it alone, such as ./bulwark backup database.",
        )
    if of_files and kinds and "files" not in kinds:
        raise Failure(
            "--accept-gone and --accept-unreadable are about files.",
            "name a store of files, such as ./bulwark backup files.",
        )


def _take_stores(
    contexts: Mapping[Store, RecoveryContext],
    job: str,
    stores: Sequence[Store],
    take: Callable[[Store], None],
) -> list[Failure]:
    """
    Back up each store, whatever happens to the others, and return the failures.

    The job's monitors get a success when all stores are backed up, and nothing from a run without the job's
    own store.
    """
    failures: list[Failure] = []
    own = next((contexts[store] for store in stores if store.name == job), None)
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
        f"Backup {manifest.id} of {manifest.store} is in: {manifest.summary}, "
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
