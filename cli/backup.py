"""`./bulwark backup`: the stack's data goes into its vault."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from cli.recovery_site import opened
from cli.stack import Json, OnTwin, Stack
from cli.wording import lock, size
from recovery.backup import Content, back_up
from recovery.heartbeat import reported
from toolchain.failure import Failure


def backup(
    *,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    as_json: Json = False,
    table: Annotated[tuple[str, ...], Parameter(name="--table", negative=())] = (),
    schema_only: Annotated[bool, Parameter(negative=())] = False,
    data_only: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Back up the stack's database into its vault.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Back up what another stack's program made on the twin.
        as_json: Print one JSON document, the backup's manifest; progress goes to standard error.
        table: Only these tables (pg_dump's patterns); several are fine.
        schema_only: Definitions without rows.
        data_only: Rows without definitions.

    Returns:
        0 when the manifest is in, and at no other time.
    """
    if schema_only and data_only:
        raise Failure("--schema-only and --data-only exclude each other.", "choose one, or neither.")
    content: Content = "schema" if schema_only else "data" if data_only else "all"
    site = opened(stack, on_twin=on_twin)
    with reported(site, "database"), _progress() as progress:
        manifest = back_up(site, tables=table, content=content, progress=progress)
    if as_json:
        sys.stdout.write(manifest.model_dump_json(indent=2) + "\n")
    else:
        rows = sum(one.rows for one in manifest.figures.tables)
        tables = len(manifest.figures.tables)
        sys.stdout.write(
            f"Backup {manifest.id} ({manifest.tier}) is in: {tables} tables, {rows:,} rows, "
            f"{size(manifest.dump.bytes)}, {lock(manifest.dump.locked_until)}.\n"
            "Unproven until restored: ./bulwark verify --deep\n"
        )
    return 0


@contextmanager
def _progress() -> Generator[Any]:
    """Show what the backup is at: one line that changes on a terminal, nothing elsewhere."""
    done = {"dumped": 0, "counted": 0}
    with Console(stderr=True).status("Backing up") as status:

        def told(what: str, count: int) -> None:
            done[what] = count
            status.update(f"Backing up: {size(done['dumped'])} dumped, {size(done['counted'])} counted")

        yield told
