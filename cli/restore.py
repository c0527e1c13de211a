"""`./bulwark restore`: a backup comes back, into what is empty."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from cyclopts import Parameter
from rich.console import Console

from cli.recovery_site import opened
from cli.stack import OnTwin, Stack
from recovery import catalogue
from recovery.restore import restored
from recovery.site import VaultName
from toolchain.failure import Failure

From = Annotated[VaultName, Parameter(name="--vault")]
TARGET_VARIABLE = "BULWARK_RESTORE_PASSWORD"


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
