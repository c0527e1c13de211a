"""`./bulwark drill`: recovers into a throw-away environment, measures, verifies, and removes it."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cli import first_backups, stack_file
from cli.drill_run import Choice, Wanted, run
from cli.drill_yard import Yard, entered
from cli.stack import Json, OnTwin, Stack
from cli.wording import lock
from recovery.drill import records
from recovery.drill.evidence import NEEDED, Drill, Measured
from recovery.drill.report.wording import duration
from recovery.heartbeat import reported
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_RESTORES: Final = frozenset(("loss", "replica", "files", "state"))


class _NotPassedError(Exception):
    """The drill did not pass, so its heartbeat has to stay silent."""


def drill(
    scenario: Choice = "all",
    *,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    as_json: Json = False,
    at_random: Annotated[bool, Parameter(name="--random", negative=())] = False,
    at: datetime | None = None,
    backup: str | None = None,
    evidence: Path | None = None,
    clean: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Recover the stack's data into a throw-away environment: how fast is it back, and what is lost?

    What the platform runs on is only read. Exit code 0 means that everything came back, was verified, was
    within the objectives, and is removed again.

    Args:
        scenario: `corruption` branches the database's history at the instant before a bad write; `loss`
            restores a new database from the primary vault alone, `replica` from the other region's; `files`
            restores the object files and compares them with the rows that refer to them; `state` rebuilds the
            stack from its backed-up state; `all`.
        stack: The stack; `local` is the twin on this machine.
        on_twin: Drill what another stack's program made on the twin.
        as_json: Print the evidence as one JSON document; progress goes to standard error.
        at_random: Recover from any point within retention instead of the newest.
        at: Moment (UTC) of the bad write, for `corruption`, or as of which `files` come back; else now.
        backup: Id of the backup to restore, of all but `corruption`; without it the newest.
        evidence: Write the evidence into this file, and not into the vault; `drills --add` puts it there.
        clean: Only remove what interrupted drills have left.

    Returns:
        0 when the drill passed, or nothing is left; else 1.
    """
    wanted = Wanted(scenario, at_random=at_random, at=_utc(at), backup=backup)
    _refuse_nonsense(wanted)
    if evidence:
        _require_room(evidence)
    console = Console(stderr=True)
    if scenario != "state" and not clean:
        _require_a_platform(stack, on_twin=on_twin)
    with entered(stack, on_twin=on_twin) as yard:
        with console.status("Looking for what interrupted drills have left"):
            left = yard.cleaned(everything=clean)
        for line in left:
            console.print(f"Removed {line}, which an interrupted drill had left.", markup=False)
        if clean:
            sys.stdout.write("Nothing of a drill is left.\n")
            return 0
        first_backups.take(yard, wanted, console)
        try:
            with reported(yard.site, "drill"):
                done = records.without(run(yard, wanted, left), _secrets(yard))
                _show(done, as_json=as_json)
                _keep(done, yard.site.recorder, evidence, console)
                _require_passed(done)
        except _NotPassedError:
            return 1
    return 0


def _require_a_platform(stack: str, *, on_twin: bool) -> None:
    """Raise Failure for production on the twin: its platform is elsewhere, its database there is empty."""
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin and space.settings.platform.environment != "local":
        raise Failure(
            f"A drill asks the data of a platform at work, and {stack} has none on the twin.",
            "drill the twin's own (`./bulwark drill`), or the stack's state (`./bulwark drill state`).",
        )


def _secrets(yard: Yard) -> set[str]:
    passwords = {urlsplit(yard.site.database_url).password, yard.place.key}
    return {secret for secret in passwords if secret}


def _keep(done: Drill, vault: Vault, evidence: Path | None, console: Console) -> None:
    """
    Put the evidence where it was asked for; evidence that the vault doesn't take is not lost either.

    Raises:
        Failure: neither worked.
    """
    try:
        if not evidence:
            stored = records.keep(vault, done)
            line = f"Evidence: {stored.key}, {lock(stored.locked_until)}"
            console.print(line, highlight=False, soft_wrap=True)
            return
    except Failure as failure:
        evidence = Path(f"drill-{done.identity.id}.json")
        console.print(str(failure), style="yellow", markup=False, highlight=False)
    try:
        evidence.write_bytes(records.written(done))
    except OSError as error:
        raise Failure(f"{evidence} can't be written: {error.strerror}.", "name another file.") from None
    line = f"Evidence: {evidence}; ./bulwark drills --add {evidence} puts it into the vault."
    console.print(line, highlight=False, soft_wrap=True)


def _require_passed(done: Drill) -> None:
    if done.verdict != "passed":
        raise _NotPassedError


def _refuse_nonsense(wanted: Wanted) -> None:
    if wanted.at_random and (wanted.at or wanted.backup):
        raise Failure("--random excludes --at and --backup.", "choose the point, or let it be drawn.")
    if wanted.at and wanted.scenario not in {"corruption", "files"}:
        raise Failure("--at is a moment in a history.", "use it with `drill corruption` or `drill files`.")
    if wanted.backup and wanted.scenario not in _RESTORES:
        raise Failure("--backup names a backup to restore.", "use it with loss, replica, files or state.")
    if wanted.at and wanted.at > datetime.now(UTC):
        raise Failure(
            f"--at {wanted.at:%Y-%m-%d %H:%M:%S} UTC is in the future.", "name a moment before now."
        )


def _require_room(evidence: Path) -> None:
    """Raise Failure where no such file can be made: after the drill its evidence would be lost."""
    try:
        if evidence.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=evidence.parent):
            pass
    except OSError as error:
        raise Failure(
            f"{evidence} can't be written: {error.strerror}.", "name another file; nothing was done."
        ) from None


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and not at.tzinfo else at


def _show(done: Drill, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(done.model_dump_json(indent=2) + "\n")
        return
    console = Console()
    table = Table("scenario", "lost", "first query", "health", "verified", "checks", "verdict")
    for one in done.scenarios:
        passed = sum(check.outcome == "passed" for check in one.checks)
        colour = "green" if one.verdict == "passed" else "red"
        table.add_row(
            one.kind,
            _time(one.loss),
            *(
                _time(one.times.get(name)) if name in NEEDED[one.kind] else ""
                for name in ("first_query", "health", "verified")
            ),
            f"{passed} of {len(one.checks)}",
            f"[{colour}]{one.verdict}[/{colour}]",
        )
    console.print(table)
    _list(console, done.faults)
    took = (done.finished - done.started).total_seconds()
    console.print(f"Drill {done.identity.id} {done.verdict} in {took:.0f} s.", markup=False)


def _time(measured: Measured | None) -> str:
    if not measured or measured.seconds is None:
        return "[red]not measured[/red]"
    shown = duration(measured.seconds)
    return shown if measured.met else f"[red]{shown}[/red]"


def _list(console: Console, faults: Iterable[str]) -> None:
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)
