"""`./bulwark drill`: recovers into a throw-away environment, measures, verifies, and removes it again."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from cli.attested_documents import require_writable, write_attested
from cli.backup import backup
from cli.credential_report import print_stolen_credentials
from cli.drill_session import DrilledStore, DrillSession, drill_identity
from cli.drills import option_of
from cli.ending import Ending
from cli.file_drill import choose_scenarios, open_file_session
from cli.options import (
    ChosenStackOption,
    IdentityOption,
    JsonOption,
    RecoveryOption,
    StoreOption,
    TwinOption,
    UnsandboxedOption,
)
from cli.output import format_lock
from cli.recovery_source import DocumentedSource, DocumentedStack, RecoverySource, find_source
from cli.service_report import print_outages
from core.console import PrintableConsole, plain
from core.failure import Failure
from core.sandbox import require_isolation
from engine.stack_target import StackTarget
from engine.targets import find_target
from recovery import catalogue
from recovery.context import RecoveryContext, require_vault
from recovery.drill import corruption, files, loss, records
from recovery.drill.evidence import (
    RECOVERS,
    REQUIRED_MILESTONES,
    Drill,
    Measurement,
    Scenario,
    ScenarioKind,
    title_scenario,
)
from recovery.drill.reports import format_seconds
from recovery.drill.safety import read_only_url
from recovery.drill.smoke_tests import find_isolation
from recovery.drill.validation import DrillContext
from recovery.heartbeat import report_run
from recovery.manifest import Manifest
from recovery.manifests import manifest_of
from recovery.store import choose_stores, list_names

_STARTING: Final = frozenset(("corruption", "loss", "replica", "elsewhere", "all"))
"""Scenarios that start the platform's program on what was recovered."""

_RESTORE_A_DATABASE: Final = frozenset(("loss", "replica", "elsewhere"))
_RESTORES: Final = _RESTORE_A_DATABASE | {"files", "state"}


Choice = Literal[
    "corruption", "loss", "replica", "elsewhere", "files", "state", "credentials", "service", "all"
]
_ALL: Final[tuple[ScenarioKind, ...]] = ("corruption", "loss", "replica", "files", "state")
"""
The scenarios of `all`: those that need no private key, which no job has, and that recover from a loss.

`credentials` makes none, and takes as long as all of them together. `service` takes the platform down.
"""


@dataclass(frozen=True)
class DrillRequest:
    """The scenario and the recovery point that a person asked for."""

    scenario: Choice
    at_random: bool
    at: datetime | None
    backup: str | None
    store: str
    """Name of the store, or `all`."""

    in_place: bool = False
    """Whether the restore in place is rehearsed, on the branch of `corruption`."""

    service: str = "all"
    """Name of the service that is taken down, or `all`."""

    deployment: str = ""
    """Id of the bad deployment."""


class _NotPassedError(Exception):
    """The drill did not pass, so that its heartbeat must not be sent."""

    def __init__(self, result: Drill) -> None:
        super().__init__()
        self.result = result


def drill(
    scenario: Choice = "all",
    *,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    at_random: Annotated[bool, Parameter(name="--random", negative=())] = False,
    at: datetime | None = None,
    backup: str | None = None,
    store: StoreOption = "all",
    identity: IdentityOption = None,
    into: str | None = None,
    in_place: Annotated[bool, Parameter(name="--in-place", negative=())] = False,
    service: str = "all",
    deployment: str = "",
    evidence: Path | None = None,
    clean: Annotated[bool, Parameter(negative=())] = False,
    unsandboxed: UnsandboxedOption = False,
) -> int:
    """
    Recover each store into a throw-away environment: how fast is it back, and what is lost?

    The platform's own databases and vaults are only read. Exit code 0 means that everything came back, was
    verified, was within the objectives, and is removed again.

    Args:
        scenario: `corruption` branches the database's history at the instant before a bad write; `loss`
            restores a new database from the primary vault alone, `replica` from the other region's,
            `elsewhere` a new database and the files from the encrypted copies at another cloud; `files`
            restores the object files and compares them with the rows that refer to them; `state` rebuilds
            the stack from its backed-up state; `credentials` tries, on a copy of the twin, what a thief of
            each credential can destroy, and restores what is left (at the vendors AWS simulates the calls,
            and none is made); `service` takes a service down by a bad deployment, and measures until its
            monitor sees it, the pager has it, it is rolled back, and it is healthy again; never at
            production; `all` is all of them but `elsewhere`, `credentials` and `service`, and with a role's
            document but `state`.
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack. `loss`
            and `replica` restore into a server on this machine, and `files` compares with the backup alone.
            Beside a stack it is the document of the driller's role, `aws-secret:NAME`, so that the stack's
            state is not opened.
        on_twin: Drill what another stack's program made on the twin.
        as_json: Print the evidence as one JSON document; progress goes to standard error.
        at_random: Recover from any point within retention instead of the newest.
        at: Moment (UTC) of the bad write, for `corruption`, or as of which `files` come back; else now.
        backup: Id of the backup to restore, of all but `corruption`; without it the newest.
        store: Drill only the store of this name.
        identity: For `elsewhere`, which `all` leaves out: the file with the private key of the copies.
        into: Of `loss`, `replica` and `elsewhere`: restore into the databases of this other stack, such as
            `staging`, whose settings and server say that a drill may replace them. Their data are what was
            restored then, if everything passed (docs/production.md); nothing is made at a vendor.
        in_place: Of `corruption`: rehearse the runbook's restore in place too. The drill's branch, which it
            has damaged, is set back by the vendor to the same instant, measured and compared.
        service: Of `service`: take down only the service of this name; without it each that can be.
        deployment: Of `service`: id of the bad deployment, which ran before: it starts, and is not healthy.
            The twin makes one itself.
        evidence: Write the evidence into this file, and not into the vault; `drills --add` puts it there.
        clean: Only remove what interrupted drills have left, with `into` on that stack's servers too.
        unsandboxed: Start the platform's program, which serves what was restored, with your own rights: where
            neither another user nor a namespace separates it from your files and credentials.

    Returns:
        0 when the drill passed, or nothing is left; else 1.
    """
    request = DrillRequest(
        scenario,
        at_random=at_random,
        at=_as_utc(at),
        backup=backup,
        store=store,
        in_place=in_place,
        service=service,
        deployment=deployment,
    )
    _check_request(request)
    if scenario == "elsewhere" and not identity:
        raise Failure(
            "The copy elsewhere is encrypted.",
            "name the file with its private key: --identity FILE; the twin's is elsewhere-identity.txt in "
            "the folder that ./bulwark status shows as data.",
        )
    if scenario in _STARTING and not clean:
        require_isolation(find_isolation(), unsandboxed=unsandboxed)
    if evidence:
        require_writable(evidence)
    console = PrintableConsole(stderr=True)
    source = find_source(stack, on_twin=on_twin, recovery=recovery)
    if scenario == "service":
        _require_drillable(source, request)
    receiver = _find_receiver(source, None if clean else scenario, into, on_twin=on_twin) if into else None
    scenarios = _choose_scenarios(source, scenario)
    needs_platform = scenario != "state" and not clean
    with _open_session(
        source,
        scenarios,
        needs_platform=needs_platform,
        clean=clean,
        unsandboxed=unsandboxed,
        identity=identity,
        into=receiver,
        store=store,
    ) as session:
        with console.status("Looking for what interrupted drills have left"):
            leftovers = session.remove_leftovers(everything=clean)
        for line in leftovers:
            console.print(f"Removed {line}, which an interrupted drill had left.", markup=False)
        if clean:
            sys.stdout.write("Nothing of a drill is left.\n")
            return 0
        plan = _plan(session, request, scenarios)
        _take_missing_backups(session, request, plan, console)
        try:
            with report_run(session.context, "drill"):
                result = records.hide_secrets(
                    _run_scenarios(session, request, plan, leftovers, unsandboxed=unsandboxed),
                    _secrets_of(session),
                )
                _print_result(result, as_json=as_json)
                _store_evidence(result, session.context, evidence, console)
                _require_passed(result)
        except _NotPassedError as ended:
            result = ended.result
    verdict = _judge(result)
    if not as_json or not verdict.passes:
        verdict.write()
    return 0 if verdict.passes else 1


def _require_drillable(source: RecoverySource, request: DrillRequest) -> None:
    """Raise Failure unless the services may be taken down, before anything is opened."""
    if not isinstance(source, StackTarget):
        raise Failure("The services of a stack are drilled with the stack alone.", "leave out --recovery.")
    from cli.service_drill import choose_services  # noqa: PLC0415 - without Pulumi so far

    choose_services(source, request.service, request.deployment)


def _find_receiver(
    source: RecoverySource, scenario: Choice | None, into: str, *, on_twin: bool
) -> StackTarget:
    """Return the stack that is restored into. Raise Failure if the drill restores no database of a stack."""
    if scenario and scenario not in _RESTORE_A_DATABASE:
        raise Failure(
            "--into names the stack that a database is restored into.",
            f"use it with {', '.join(sorted(_RESTORE_A_DATABASE))}.",
        )
    if isinstance(source, DocumentedSource):
        raise Failure(
            "The backups of a stack are restored into another one.", "name theirs: --stack, with --into."
        )
    return find_target(into, on_twin=on_twin)


def _choose_scenarios(source: RecoverySource, scenario: Choice) -> tuple[ScenarioKind, ...]:
    if scenario != "all":
        return (scenario,)
    if isinstance(source, DocumentedSource):
        return choose_scenarios(source)
    if isinstance(source, DocumentedStack):
        return tuple(kind for kind in _ALL if kind != "state")
    return _ALL


@contextmanager
def _open_session(
    source: RecoverySource,
    scenarios: tuple[ScenarioKind, ...],
    *,
    needs_platform: bool,
    clean: bool,
    unsandboxed: bool,
    identity: Path | None,
    into: StackTarget | None,
    store: str,
) -> Generator[DrillSession]:
    if isinstance(source, DocumentedSource):
        with open_file_session(source, scenarios, unsandboxed=unsandboxed, identity=identity) as session:
            yield session
        return
    target = source.target if isinstance(source, DocumentedStack) else source
    if "state" in scenarios and source is not target:
        raise Failure("The state is drilled with the stack alone.", "leave out --recovery.")
    if "state" in scenarios and len(scenarios) > 1 and target.is_shared and not clean:
        raise Failure(
            "The role that drills can't read the state, and the state has one of its own for its drill.",
            "take them on one after the other: ./bulwark drill state, and ./bulwark drill all with the "
            f"driller's document: --recovery aws-secret:{target.settings.platform.name}/jobs/driller.",
        )
    if scenarios == ("service",) and not clean:
        from cli.stack_drill import open_service_session  # noqa: PLC0415 - without Pulumi so far

        with open_service_session(target) as session:
            yield session
        return
    if scenarios == ("credentials",) and not target.can_be_copied and not clean:
        from cli.stack_drill import open_simulated_session  # noqa: PLC0415 - without Pulumi so far

        with open_simulated_session(target) as session:
            yield session
        return
    starts = [one for one in target.settings.databases.values() if one.drill and one.drill.application]
    if needs_platform and starts and not target.runs_platform:
        raise Failure(
            f"A drill starts the platform's program, and {source.name} has none on the twin.",
            "drill the twin's own (`./bulwark drill`), or the stack's state (`./bulwark drill state`).",
        )
    from cli.stack_drill import open_stack_session, open_state_session  # noqa: PLC0415 - without Pulumi so far

    if scenarios == ("state",) and not clean:
        with open_state_session(target, unsandboxed=unsandboxed) as session:
            yield session
    else:
        with open_stack_session(
            source, unsandboxed=unsandboxed, identity=identity, into=into, store=store
        ) as session:
            yield session


def _secrets_of(session: DrillSession) -> set[str]:
    passwords = {urlsplit(drilled.database_url).password or "" for drilled in session.stores}
    return {secret for secret in {*passwords, *session.secrets} if secret}


def _store_evidence(result: Drill, context: RecoveryContext, evidence: Path | None, console: Console) -> None:
    """
    Put the evidence where it was asked for; evidence that the vault doesn't take is not lost either.

    Raises:
        Failure: neither worked.
    """
    try:
        if not evidence:
            stored = records.store(context.recording_vault, result, context.issue_token)
            line = f"Evidence: {stored.key}, {format_lock(stored.locked_until)}"
            console.print(line, highlight=False, soft_wrap=True)
            return
    except Failure as failure:
        evidence = Path(f"drill-{result.identity.id}.json")
        console.print(str(failure), style="yellow", markup=False, highlight=False)
    write_attested(evidence, records.to_json(result), context.issue_token)
    line = f"Evidence: {evidence}; ./bulwark drills --add {evidence} puts it into the vault."
    console.print(line, highlight=False, soft_wrap=True)


def _require_passed(result: Drill) -> None:
    if result.verdict != "passed":
        raise _NotPassedError(result)


def _check_request(request: DrillRequest) -> None:
    if request.at_random and (request.at or request.backup):
        raise Failure("--random excludes --at and --backup.", "choose the point, or let it be drawn.")
    if request.in_place and request.scenario not in {"corruption", "all"}:
        raise Failure(
            "--in-place rehearses the restore of a branch.", "use it with `drill corruption` or `drill all`."
        )
    if request.at and request.scenario not in {"corruption", "files"}:
        raise Failure("--at is a moment in a history.", "use it with `drill corruption` or `drill files`.")
    if (request.service != "all" or request.deployment) and request.scenario != "service":
        raise Failure(
            "--service and --deployment are of a drilled service.", "use them with `drill service`."
        )
    if request.store != "all" and request.scenario == "service":
        raise Failure("The drill of a service recovers no store.", "name the service with --service.")
    if request.store != "all" and request.scenario == "credentials":
        raise Failure("A thief of a credential takes every store.", "leave out --store.")
    if request.backup and request.scenario not in _RESTORES:
        raise Failure("--backup names a backup to restore.", "use it with loss, replica, files or state.")
    if request.at and request.at > datetime.now(UTC):
        raise Failure(
            f"--at {request.at:%Y-%m-%d %H:%M:%S} UTC is in the future.", "name a moment before now."
        )


def _as_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and not at.tzinfo else at


def _print_result(result: Drill, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2, ensure_ascii=True) + "\n")
        return
    console = PrintableConsole()
    table = Table("scenario", "lost", "first query", "health", "verified", "checks", "verdict")
    recoveries = [scenario for scenario in result.scenarios if scenario.has_loss]
    for scenario in recoveries:
        passed = sum(check.outcome == "passed" for check in scenario.checks)
        colour = "green" if scenario.verdict == "passed" else "red"
        table.add_row(
            plain(scenario.title),
            _format_time(scenario.loss),
            *(
                _format_time(scenario.times.get(name)) if name in REQUIRED_MILESTONES[scenario.kind] else ""
                for name in ("first_query", "health", "verified")
            ),
            f"{passed} of {len(scenario.checks)}",
            f"[{colour}]{scenario.verdict}[/{colour}]",
        )
    if recoveries:
        console.print(table)
    if outages := [scenario for scenario in result.scenarios if scenario.kind == "service"]:
        print_outages(console, outages)
    for scenario in result.scenarios:
        if scenario.kind == "credentials":
            print_stolen_credentials(console, scenario)
    _print_faults(console, result.faults)


def _judge(result: Drill) -> Ending:
    took = (result.finished - result.started).total_seconds()
    sentence = f"Drill {result.identity.id} {result.verdict} in {took:.0f} s"
    report = f"./bulwark drills {option_of(result.identity)} --html drill.html"
    if result.verdict == "passed":
        return Ending(True, f"{sentence}.", f"{report} writes its report.")
    failed = ", ".join(scenario.title for scenario in result.scenarios if scenario.verdict != "passed")
    count = f"{len(result.faults)} fault{'s' if len(result.faults) > 1 else ''}"
    return Ending(
        False,
        f"{sentence}: {count} in {failed or 'its cleaning'}, listed above.",
        f"{report} shows each check.",
    )


def _format_time(measured: Measurement | None) -> str:
    if not measured or measured.seconds is None:
        return "[red]not measured[/red]"
    shown = format_seconds(measured.seconds)
    return shown if measured.met else f"[red]{shown}[/red]"


def _print_faults(console: Console, faults: Iterable[str]) -> None:
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)


_Steps = tuple[tuple[ScenarioKind, DrilledStore], ...]
"""Each scenario with a store that it recovers; what recovers none comes once, with the first store."""


def _plan(session: DrillSession, request: DrillRequest, scenarios: tuple[ScenarioKind, ...]) -> _Steps:
    """
    Return what is drilled.

    Raises:
        Failure: there is no store of the name or for the scenario, or there are several for one backup.
    """
    known = tuple(drilled.store for drilled in session.stores)
    chosen = choose_stores(known, request.store, place=session.context.stack)
    stores = [drilled for drilled in session.stores if drilled.store in chosen]
    plan: list[tuple[ScenarioKind, DrilledStore]] = []
    for scenario in scenarios:
        if scenario not in RECOVERS:
            plan.append((scenario, session.stores[0]))
            continue
        for drilled in stores:
            if drilled.store.kind == RECOVERS[scenario] and (drilled.history or scenario != "corruption"):
                plan.append((scenario, drilled))  # noqa: PERF401 - a comprehension widens the literal's type
        if scenario == "elsewhere":
            for drilled in stores:
                if drilled.store.kind == "files" and _has_files_elsewhere(session, drilled):
                    plan.append(("files", drilled))  # noqa: PERF401 - as above
    if not plan and scenarios:
        raise Failure(
            f"The drill {request.scenario} is not of {list_names(chosen)}.",
            "choose another scenario, or another store with --store.",
        )
    restored = tuple(drilled.store for scenario, drilled in plan if scenario == request.scenario)
    if request.backup and len(restored) > 1:
        raise Failure(
            "A backup is of one store, and there are several.",
            f"name it with --store: {list_names(restored)}.",
        )
    return tuple(plan)


def _run_scenarios(
    session: DrillSession,
    request: DrillRequest,
    plan: _Steps,
    leftovers: tuple[str, ...],
    *,
    unsandboxed: bool,
) -> Drill:
    """Run the scenarios; the failure of one does not stop the others."""
    started = datetime.now(UTC)
    warnings = session.context.warnings
    results = tuple(
        result.model_copy(update={"deviations": (*result.deviations, *warnings)})
        for result in _scenarios(session, request, plan, unsandboxed=unsandboxed)
    )
    return Drill(
        identity=drill_identity(session, started),
        started=started,
        finished=datetime.now(UTC),
        scenarios=results,
        leftovers=leftovers,
    )


def _scenarios(
    session: DrillSession,
    request: DrillRequest,
    plan: _Steps,
    *,
    unsandboxed: bool,
) -> Iterator[Scenario]:
    vaults, is_elsewhere = session.context.vaults, request.scenario == "elsewhere"
    with _show_progress() as show:
        for scenario, drilled in plan:
            url = drilled.database_url
            title = title_scenario(scenario, drilled.store if scenario in RECOVERS else None)
            context = DrillContext(
                drilled.store.name,
                read_only_url(url) if url else "",
                drilled.spec,
                session.context.trust,
                drilled.environment,
                lambda phase, title=title: show(f"Drilling {title}: {phase}"),
            )
            if scenario == "corruption":
                backups = (
                    catalogue.read_backups(
                        vaults["primary"], Manifest, session.context.trust, store=drilled.store.name
                    )
                    if request.at or request.at_random
                    else []
                )
                yield corruption.drill(
                    context,
                    [
                        backup.manifest
                        for backup in backups
                        if backup.manifest and catalogue.is_restorable(backup)
                    ],
                    history=drilled.history,
                    at=request.at,
                    at_random=request.at_random,
                    in_place=request.in_place,
                )
            elif scenario == "files":
                yield files.drill(
                    context,
                    session.context.elsewhere if is_elsewhere else vaults["primary"],
                    history=drilled.history,
                    vault_name="elsewhere" if is_elsewhere else "primary",
                    backup=None if is_elsewhere else request.backup,
                    at=request.at,
                    at_random=request.at_random,
                )
            elif scenario == "state":
                yield session.drill_state(context, request.backup)
            elif scenario == "service":
                yield from session.drill_services(
                    context.on_progress, service=request.service, deployment=request.deployment
                )
            elif scenario == "credentials":
                yield session.drill_credentials(context, unsandboxed=unsandboxed)
            else:
                # The other vault is not read: the drill shows that one vault is enough.
                name = "primary" if scenario == "loss" else scenario
                yield loss.drill(
                    context,
                    require_vault(vaults, name),
                    name,
                    backup=request.backup,
                    at_random=request.at_random,
                )


def _has_files_elsewhere(session: DrillSession, drilled: DrilledStore) -> bool:
    """Whether a store of files is drilled too: a stack's is, and that of a recovery file may be copied."""
    copies = session.context.elsewhere.copies
    return bool(drilled.spec.files) or any(copy.of_store == drilled.store for copy in copies)


@contextmanager
def _show_progress() -> Generator[Callable[[str], None]]:
    """Show the drill's steps: one changing line on a terminal, elsewhere a line per step."""
    console = PrintableConsole(stderr=True)
    if not console.is_terminal:
        yield lambda line: console.print(line, markup=False, highlight=False)
        return
    with console.status("Drilling") as status:
        yield status.update


def _take_missing_backups(
    session: DrillSession, request: DrillRequest, plan: _Steps, console: Console
) -> None:
    """
    Take a first backup of each store that the drill restores, where no job does so on schedule.

    Raises:
        Failure: one of them can't be taken.
    """
    if not session.takes_first_backups or request.backup or request.scenario == "elsewhere":
        return
    vault = session.context.primary
    restored = [
        drilled.store for scenario, drilled in plan if scenario in RECOVERS and scenario != "corruption"
    ]
    if request.scenario == "credentials":
        restored = [drilled.store for drilled in session.stores]
    missing = [
        store.name
        for store in dict.fromkeys(restored)
        if not catalogue.list_backups(vault, manifest_of(store), store=store.name)
    ]
    if missing:
        names = ", ".join(missing)
        console.print(f"There is no backup yet ({names}), and the twin runs none on schedule: taking one.")
        with redirect_stdout(sys.stderr):
            backup(*missing, stack=session.context.stack, on_twin=True)
