"""`./bulwark backup | backups | verify | restore`: the stack's data, and the proof that it comes back."""

import json
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cli.recovery_site import opened, scratch
from cli.stack import Json, OnTwin, Stack
from recovery import catalogue, keys
from recovery.backup import Content, back_up
from recovery.catalogue import Backup, Verification
from recovery.heartbeat import reported
from recovery.restore import restored
from recovery.site import VaultName
from recovery.verify import verify as verified
from toolchain.failure import Failure

From = Annotated[VaultName, Parameter(name="--vault")]
TARGET_VARIABLE = "BULWARK_RESTORE_PASSWORD"


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
            f"{_size(manifest.dump.bytes)}, {_lock(manifest.dump.locked_until)}.\n"
            "Unproven until restored: ./bulwark verify --deep\n"
        )
    return 0


def backups(*, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False) -> int:
    """
    List the backups: when, how large, how long locked, and when they were verified.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: List what a stack backed up on the twin.
        as_json: Print one JSON document.
    """
    site = opened(stack, on_twin=on_twin)
    found = catalogue.backups(site.vaults["primary"])
    elsewhere = {one.id for one in catalogue.listed(site.vaults["replica"])}
    if as_json:
        rows = [_row(one, in_replica=one.id in elsewhere) for one in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    table = Table("backup", "tier", "shows", "tables", "size", "locked until", "replica", "verified")
    for one in found:
        row = _row(one, in_replica=one.id in elsewhere)
        looked = f"{row['verified']} ({row['how']})" if row["verified"] else "[red]never[/red]"
        if row["problems"]:
            looked = f"[red]{row['problems'][0]}[/red]"
        table.add_row(
            one.id,
            one.tier,
            str(row["shows"] or "?"),
            str(row["tables"]),
            _size(row["bytes"]),
            str(row["locked_until"] or "[red]not locked[/red]"),
            "yes" if row["in_replica"] else "[red]no[/red]",
            looked,
        )
    Console().print(table if found else "There is no backup yet: ./bulwark backup makes one.")
    return 0


def verify(
    *,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    as_json: Json = False,
    deep: Annotated[bool, Parameter(negative=())] = False,
    backup: str | None = None,
) -> int:
    """
    Check backups against their manifests: presence, size, checksum, lock.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack backed up on the twin.
        as_json: Print one JSON document.
        deep: Restore the newest (or the one chosen) into a scratch database and compare every table.
        backup: Only this one; without it all of them, deep the newest.

    Returns:
        0 when everything is as it must be.
    """
    site = opened(stack, on_twin=on_twin)
    vault = site.vaults["primary"]
    found = catalogue.backups(vault)
    whole = [catalogue.chosen(found, backup=backup)] if backup or deep else [one.manifest for one in found]
    looks: list[Verification] = []
    for manifest in whole:
        if manifest:
            with Console(stderr=True).status(f"Verifying {manifest.id}"):
                look = verified(manifest, vault, scratch=scratch if deep else None)
            vault.put(keys.verification(manifest.id, look.at), look.model_dump_json().encode())
            looks.append(look)
    unreadable = [f"{one.id}: its manifest {one.unreadable}" for one in found if one.unreadable]
    if as_json:
        document = {"looks": [look.model_dump(mode="json") for look in looks], "unreadable": unreadable}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_looks(looks, unreadable)
    return 0 if looks and not unreadable and all(look.good for look in looks) else 1


def restore(
    *,
    to: str,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    backup: str | None = None,
    at: datetime | None = None,
    table: Annotated[tuple[str, ...], Parameter(name="--table", negative=())] = (),
    vault: From = "primary",
    jobs: int = 2,
) -> int:
    """
    Restore a backup into an empty database.

    Args:
        to: Address of the empty database, `postgresql://user@host:port/name`; its password comes from
            BULWARK_RESTORE_PASSWORD.
        stack: The stack; `local` is the twin on this machine.
        on_twin: Restore what a stack backed up on the twin.
        backup: Id of the backup; the newest by default.
        at: The newest backup that shows this moment (UTC) or an earlier one.
        table: Only these tables (pg_restore's names).
        vault: `replica` restores from the other region alone.
        jobs: Connections that restore in parallel.
    """
    url = _with_password(to)
    site = opened(stack, on_twin=on_twin)
    chosen = catalogue.chosen(catalogue.backups(site.vaults[vault]), backup=backup, at=_utc(at))
    status = Console(stderr=True).status(f"Restoring {chosen.id}")
    with tempfile.TemporaryDirectory(prefix="bulwark-restore-") as folder, status:
        done = restored(
            chosen,
            site.vaults[vault],
            url,
            folder=Path(folder),
            source_url=site.database_url,
            jobs=jobs,
            tables=table,
        )
    for line in done:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"Restored {chosen.id}, as of {chosen.snapshot_at:%Y-%m-%d %H:%M:%S} UTC.\n")
    return 0


@contextmanager
def _progress() -> Generator[Any]:
    """Show what the backup is at: one line that changes on a terminal, nothing elsewhere."""
    done = {"dumped": 0, "counted": 0}
    with Console(stderr=True).status("Backing up") as status:

        def told(what: str, count: int) -> None:
            done[what] = count
            status.update(f"Backing up: {_size(done['dumped'])} dumped, {_size(done['counted'])} counted")

        yield told


def _row(one: Backup, *, in_replica: bool) -> dict[str, Any]:
    manifest, look = one.manifest, one.verified
    problems = [one.unreadable] if one.unreadable else list(look.problems) if look else []
    return {
        "id": one.id,
        "tier": one.tier,
        "shows": f"{manifest.snapshot_at:%Y-%m-%d %H:%M:%S}" if manifest else None,
        "tables": len(manifest.figures.tables) if manifest else None,
        "bytes": manifest.dump.bytes if manifest else 0,
        "locked_until": _day(manifest.dump.locked_until) if manifest else None,
        "in_replica": in_replica,
        "verified": f"{look.at:%Y-%m-%d %H:%M}" if look else None,
        "how": ("restored" if look.deep else "read") if look else None,
        "problems": problems,
    }


def _print_looks(looks: list[Verification], unreadable: list[str]) -> None:
    console = Console()
    for look in looks:
        how = "restored and compared" if look.deep else "read and compared"
        if look.good:
            console.print(f"{look.backup}: {how}, good", style="green")
        for problem in look.problems:
            console.print(f"{look.backup}: {problem}", style="red", markup=False)
    for line in unreadable:
        console.print(line, style="red", markup=False)
    if not looks and not unreadable:
        console.print("There is nothing to verify: ./bulwark backup makes a backup.", style="yellow")


def _with_password(to: str) -> str:
    """
    Return the target's address with its password.

    Raises:
        Failure: for one with a password in it: everybody on this machine can read a process's arguments.
    """
    parts = urlsplit(to)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname:
        raise Failure("--to is no address of a database.", "write it as postgresql://user@host:port/name.")
    if parts.password:
        raise Failure(
            "--to has a password in it, which everybody on this machine can read meanwhile.",
            f"leave it out and set {TARGET_VARIABLE}.",
        )
    password = os.environ.get(TARGET_VARIABLE)
    if not password:
        return to
    user = f"{parts.username or ''}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and not at.tzinfo else at


def _lock(until: datetime | None) -> str:
    return f"locked until {_day(until)}" if until else "not locked"


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
