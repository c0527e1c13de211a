"""`./bulwark drill`: recovers into a throw-away environment, measures, verifies, and removes it."""

import errno
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cli.backup import backup
from cli.drill_session import DrillSession, identity, open_session, terms
from cli.output import lock
from cli.stack import JsonOption, StackOption, TwinOption
from core.failure import Failure
from engine import stack_target
from engine.rebuilt_stack import FileBackend
from recovery import catalogue
from recovery.drill import corruption, files, loss, records, state
from recovery.drill.evidence import NEEDED, Drill, Measured, Scenario
from recovery.drill.reports import duration
from recovery.drill.safety import read_only
from recovery.drill.validation import DrillContext
from recovery.files.manifest import FilesManifest
from recovery.heartbeat import report_run
from recovery.manifest import BackupManifest, Manifest, StoreName
from recovery.state import StateManifest
from recovery.vault.vault import VaultClient

_RESTORES: Final = frozenset(("loss", "replica", "files", "state"))


Choice = Literal["corruption", "loss", "replica", "files", "state", "all"]
_ALL: Final[tuple[Choice, ...]] = ("corruption", "loss", "replica", "files", "state")


@dataclass(frozen=True)
class DrillRequest:
    """What a person asked for."""

    scenario: Choice
    at_random: bool
    at: datetime | None
    backup: str | None


class _NotPassedError(Exception):
    """The drill did not pass, so its heartbeat has to stay silent."""


def drill(
    scenario: Choice = "all",
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
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
    wanted = DrillRequest(scenario, at_random=at_random, at=_utc(at), backup=backup)
    _refuse_nonsense(wanted)
    if evidence:
        _require_room(evidence)
    console = Console(stderr=True)
    if scenario != "state" and not clean:
        _require_a_platform(stack, on_twin=on_twin)
    with open_session(stack, on_twin=on_twin) as yard:
        with console.status("Looking for what interrupted drills have left"):
            left = yard.cleaned(everything=clean)
        for line in left:
            console.print(f"Removed {line}, which an interrupted drill had left.", markup=False)
        if clean:
            sys.stdout.write("Nothing of a drill is left.\n")
            return 0
        _take_missing_backups(yard, wanted, console)
        try:
            with report_run(yard.site, "drill"):
                done = records.without(_run(yard, wanted, left), _secrets(yard))
                _show(done, as_json=as_json)
                _keep(done, yard.site.recorder, evidence, console)
                _require_passed(done)
        except _NotPassedError:
            return 1
    return 0


def _require_a_platform(stack: str, *, on_twin: bool) -> None:
    """Raise Failure for production on the twin: its platform is elsewhere, its database there is empty."""
    space = stack_target.find(stack, on_twin=on_twin)
    if space.twin and space.settings.platform.environment != "local":
        raise Failure(
            f"A drill asks the data of a platform at work, and {stack} has none on the twin.",
            "drill the twin's own (`./bulwark drill`), or the stack's state (`./bulwark drill state`).",
        )


def _secrets(yard: DrillSession) -> set[str]:
    passwords = {urlsplit(yard.site.database_url).password, yard.place.key}
    return {secret for secret in passwords if secret}


def _keep(done: Drill, vault: VaultClient, evidence: Path | None, console: Console) -> None:
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


def _refuse_nonsense(wanted: DrillRequest) -> None:
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


def _run(yard: DrillSession, wanted: DrillRequest, leftovers: tuple[str, ...]) -> Drill:
    """Run them; one that fails keeps no other from running."""
    started = datetime.now(UTC)
    scenarios = tuple(_scenarios(yard, wanted))
    return Drill(
        identity=identity(yard, started),
        started=started,
        finished=datetime.now(UTC),
        scenarios=scenarios,
        leftovers=leftovers,
    )


def _scenarios(yard: DrillSession, wanted: DrillRequest) -> Iterator[Scenario]:
    settings, vaults = yard.space.settings, yard.site.vaults
    with _told() as told:
        for which in _ALL if wanted.scenario == "all" else (wanted.scenario,):
            drilled = DrillContext(
                read_only(yard.site.database_url),
                terms(settings),
                yard.place,
                lambda phase, which=which: told(f"Drilling {which}: {phase}"),
            )
            if which == "corruption":
                found = (
                    catalogue.read_backups(vaults["primary"], Manifest)
                    if wanted.at or wanted.at_random
                    else []
                )
                yield corruption.drill(
                    drilled,
                    [one.manifest for one in found if one.manifest and one.manifest.whole],
                    history=timedelta(hours=settings.database.history_retention_hours),
                    at=wanted.at,
                    at_random=wanted.at_random,
                )
            elif which == "files":
                yield files.drill(
                    drilled,
                    vaults["primary"],
                    history=timedelta(hours=settings.database.history_retention_hours),
                    backup=wanted.backup,
                    at=wanted.at,
                    at_random=wanted.at_random,
                )
            elif which == "state":
                yield state.drill(
                    FileBackend(yard.space),
                    vaults["primary"],
                    yard.place.folder,
                    objectives=drilled.terms.objectives,
                    deployed_at=yard.deployed_at(),
                    told=drilled.told,
                    backup=wanted.backup,
                )
            else:
                # The other vault is not even looked at: what a drill shows is that one is enough.
                name = "primary" if which == "loss" else "replica"
                yield loss.drill(
                    drilled, vaults[name], name, backup=wanted.backup, at_random=wanted.at_random
                )


@contextmanager
def _told() -> Generator[Callable[[str], None]]:
    """Show what the drill is at: one line that changes on a terminal, elsewhere a line for each step."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: console.print(line, markup=False, highlight=False)
        return
    with console.status("Drilling") as status:
        yield status.update


_RESTORED: Final[dict[str, tuple[type[BackupManifest], ...]]] = {
    "corruption": (),
    "loss": (Manifest,),
    "replica": (Manifest,),
    "files": (FilesManifest,),
    "state": (StateManifest,),
    "all": (Manifest, StateManifest, FilesManifest),
}
"""Scenario -> of which stores it restores a backup."""


def _take_missing_backups(yard: DrillSession, wanted: DrillRequest, console: Console) -> None:
    """
    Take a first backup of each store that the drill restores; elsewhere one that is missing fails the drill.

    Raises:
        Failure: one of them can't be taken.
    """
    if not yard.space.twin or wanted.backup:
        return
    vault = yard.site.vaults["primary"]
    missing: list[StoreName] = [
        kind.STORE for kind in _RESTORED[wanted.scenario] if not catalogue.list_backups(vault, kind)
    ]
    if missing:
        names = ", ".join(missing)
        console.print(f"There is no backup yet ({names}), and the twin runs none on schedule: taking one.")
        with redirect_stdout(sys.stderr):
            backup(*missing, stack=yard.space.name, on_twin=True)
