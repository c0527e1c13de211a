"""`./bulwark backup`: the stack's data goes into its vault."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from cli.events import RunLog
from cli.output import lock, size
from cli.recovery_context import exported, open_context
from cli.stack import JsonOption, StackOption, TwinOption
from core.failure import Failure
from recovery.backup import BackupProgress, Content, back_up
from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.heartbeat import report_run
from recovery.manifest import BackupManifest, StoreName
from recovery.state import back_up_state

_JOBS: Final[dict[str, tuple[StoreName, ...]]] = {"database": ("database", "state"), "files": ("files",)}
"""Job of the settings -> the stores that it backs up."""


def backup(
    *stores: StoreName | Literal["all"],
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    table: Annotated[tuple[str, ...], Parameter(name="--table", negative=())] = (),
    schema_only: Annotated[bool, Parameter(negative=())] = False,
    data_only: Annotated[bool, Parameter(negative=())] = False,
    accept_gone: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Back up what the stack holds into its vault.

    Args:
        stores: What of it: the database, the files, the stack's own state, or all; without any, all.
        stack: The stack; `local` is the twin on this machine.
        on_twin: Back up what another stack's program made on the twin.
        as_json: Print one JSON document, store -> manifest; progress goes to standard error.
        table: Only these tables (pg_dump's patterns) of the database; several are fine.
        schema_only: Definitions without rows.
        data_only: Rows without definitions.
        accept_gone: Go on where a bucket of files has lost more than half of what it had.

    Returns:
        0 when every manifest is in, and at no other time.
    """
    content = _content(schema_only=schema_only, data_only=data_only)
    _refuse_meaningless(stores, table=table, content=content, accept_gone=accept_gone)
    site = open_context(stack, on_twin=on_twin, role="writer")
    done: dict[StoreName, BackupManifest] = {}

    def take(one: StoreName) -> None:
        with RunLog(f"Backing up the {one}", command="backup", store=one, stack=stack) as run:
            if one == "database":
                done[one] = back_up(site, tables=table, content=content, progress=partial(_show, run))
            elif one == "files":
                done[one] = back_up_files(site, accept_gone=accept_gone, progress=_FilesShown(run))
            else:
                done[one] = back_up_state(site, exported(stack, on_twin=on_twin))
        if not as_json:
            _tell(done[one])

    failures: list[Failure] = []
    for job, its_stores in _JOBS.items():
        wanted: list[StoreName] = [
            one for one in its_stores if not stores or one in stores or "all" in stores
        ]
        failures += _failures(site, job, wanted, take)
    if as_json:
        documents = {one: manifest.model_dump(mode="json") for one, manifest in done.items()}
        sys.stdout.write(json.dumps(documents, indent=2) + "\n")
    for failure in failures[1:]:
        sys.stderr.write(f"{failure}\n")
    if failures:
        raise failures[0]
    if not as_json:
        sys.stdout.write("Unproven until restored: ./bulwark verify --deep\n")
    return 0


def _content(*, schema_only: bool, data_only: bool) -> Content:
    if schema_only and data_only:
        raise Failure("--schema-only and --data-only exclude each other.", "choose one, or neither.")
    return "schema" if schema_only else "data" if data_only else "all"


def _refuse_meaningless(
    stores: Sequence[str], *, table: tuple[str, ...], content: Content, accept_gone: bool
) -> None:
    if (table or content != "all") and set(stores) != {"database"}:
        raise Failure(
            "--table, --schema-only and --data-only choose from the database alone.",
            "say so: ./bulwark backup database.",
        )
    if accept_gone and stores and not {"files", "all"} & set(stores):
        raise Failure("--accept-gone is about the files.", "say so: ./bulwark backup files.")


def _failures(
    site: RecoveryContext, job: str, stores: Sequence[StoreName], take: Callable[[StoreName], None]
) -> list[Failure]:
    """
    Take each store, whatever happens to the others; the job's monitors hear of success when all are in.

    They hear nothing of a run without the job's own store: it is not what they wait for.
    """
    failures: list[Failure] = []
    with suppress(Failure), report_run(site, job) if job in stores else nullcontext():
        for one in stores:
            try:
                take(one)
            except Failure as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
    return failures


def _tell(manifest: BackupManifest) -> None:
    sys.stdout.write(
        f"Backup {manifest.id} of the {manifest.STORE} is in: {manifest.holds}, {size(manifest.bytes)}, "
        f"{lock(manifest.locked_until)}.\n"
    )


def _show(run: RunLog, at: BackupProgress) -> None:
    """Show rate, size, table, and what is still to be read where that is known."""
    rate = size(round(at.dumped / max(run.seconds, 0.001)))
    counted = f", {at.counted / at.to_count:.0%} counted" if at.to_count else ""
    table = f", {at.table}" if at.table else ""
    run.at(f"{size(at.dumped)} dumped, {rate}/s{counted}{table}", **vars(at))


class _FilesShown:
    """Shows how far the files are."""

    def __init__(self, run: RunLog) -> None:
        self._run = run
        self._at = {"listed": 0, "to copy": 0, "copied": 0}

    def __call__(self, what: Literal["listed", "to copy", "copied"], count: int) -> None:
        self._at[what] = count
        listed, all_bytes, copied = self._at.values()
        self._run.at(
            f"{listed:,} listed, {size(copied)} of {size(all_bytes)} copied",
            listed=listed,
            bytes=copied,
            of_bytes=all_bytes,
        )
