"""`./bulwark status`: the health of a stack in one view, as text, JSON, a page, and metrics."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter, validators

from cli import drift_note
from cli.options import JsonOption, StackOption, TwinOption
from cli.output import write_files
from cli.recovery_context import find_trust, open_vaults
from cli.servers import list_servers
from cli.stack_recovery import open_elsewhere
from core.console import PrintableConsole
from core.failure import Failure, split_failure
from engine import session
from engine.program import BOTH
from engine.stack_file import CHECKOUT
from engine.stack_stores import list_stores
from engine.stack_target import StackTarget
from engine.targets import find_target
from live.vendor_apis import Apis, open_apis
from recovery.attestation import Trust
from recovery.elsewhere.vault import ElsewhereVault
from recovery.state import list_resources, read_deployment_time
from recovery.vault.vault import VaultClient
from status import terminal
from status.assessment import Assessment, assess
from status.collection import Checkpoint, Sources, Subject, collect
from status.health import Health, ReportHealth, ServiceHealth

_SHORTEST_PAUSE_SECONDS: Final = 5.0

MetricsOption = Annotated[Path | None, Parameter(name="--openmetrics")]
HtmlOption = Annotated[Path | None, Parameter(name="--html")]
WatchOption = Annotated[bool, Parameter(name="--watch", negative=())]
PauseOption = Annotated[
    float, Parameter(name="--every", validator=validators.Number(gte=_SHORTEST_PAUSE_SECONDS))
]
ServicesOption = Annotated[bool, Parameter(name="--services", negative=())]


def status(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    services: ServicesOption = False,
    html: HtmlOption = None,
    openmetrics: MetricsOption = None,
    watch: WatchOption = False,
    every: PauseOption = 60.0,
) -> int:
    """
    Show the health of a stack: backups, drills, monitors, issues, drift, what ends soon; verdict last.

    Whatever can't be read is unknown, with the reason. Nothing is changed, and no service is started.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack made on the twin.
        as_json: Print one JSON document (docs/status.md).
        services: Show addresses and processes of the twin's services too.
        html: Write the same as a page into this file.
        openmetrics: Write metrics for Prometheus into this file.
        watch: Look again and again until Ctrl-C.
        every: With --watch, the pause in seconds.

    Returns:
        0 when all is well, also where something needs attention; 1 when something is wrong; 3 when nothing
        is known to be wrong and something is unknown.
    """
    target = find_target(stack, on_twin=on_twin)

    def look() -> tuple[Assessment, bool]:
        health, is_late = read_health(target)
        assessment = assess(health)
        _write_outputs(
            target,
            health,
            assessment,
            html=html,
            openmetrics=openmetrics,
            refresh_seconds=every if watch else None,
        )
        if as_json:
            sys.stdout.write(terminal.to_json(health, assessment))
        else:
            console = PrintableConsole()
            if watch:
                console.clear()
            terminal.show(health, assessment, console, places=_list_places(target), services=services)
        sys.stdout.flush()
        return assessment, is_late

    assessment, is_late = _repeat(look, every) if watch else look()
    if is_late:
        # The threads that still wait for an answer would hold up the end of the process.
        os._exit(assessment.exit_code)
    return assessment.exit_code


def _repeat(look: Callable[[], tuple[Assessment, bool]], pause_seconds: float) -> tuple[Assessment, bool]:
    """Look until Ctrl-C; return what was seen last. One that comes before anything was seen is raised."""
    seen: tuple[Assessment, bool] | None = None
    try:
        while True:
            seen = look()
            time.sleep(pause_seconds)
    except KeyboardInterrupt:
        if not seen:
            raise
        return seen


def read_health(target: StackTarget) -> tuple[Health, bool]:
    """Return the health of a stack, and whether somebody still has not answered."""
    with PrintableConsole(stderr=True).status("Looking"):
        problem: Failure | None = None
        try:
            session.set_environment(target, runs_program=False)
        except Failure as failure:
            problem = failure
        subject = _describe(target)
        return collect(subject, _find_sources(target, subject, problem))


def _describe(target: StackTarget) -> Subject:
    return Subject(
        name=target.name,
        place=target.location,
        option=f"--stack {target.name}{target.option}",
        settings=target.settings,
        stores=list_stores(target.settings),
        services=tuple(
            ServiceHealth(name=one.name, state=one.state, address=one.address, pid=one.pid, detail=one.detail)
            for one in target.service_statuses()
        ),
        drift=drift_note.read(target),
        restored_servers={server.backup: server.state for server in list_servers()},
    )


def _find_sources(target: StackTarget, subject: Subject, problem: Failure | None) -> Sources:
    states = {service.name: service.state for service in subject.services}

    def require(service: str) -> None:
        """Raise Failure if the twin's service does not run: clients would try again and again."""
        if states.get(service, "running") != "running":
            raise Failure(
                f"The service {service} of the twin is {states[service]}.", f"./bulwark up {subject.option}"
            )

    def open_aws(vault: Literal["primary", "replica"]) -> VaultClient:
        require("aws")
        return open_vaults(target, vaults=(vault,), role="planner")[vault]

    def open_copies() -> ElsewhereVault:
        require("elsewhere")
        return open_elsewhere(target)

    def connect() -> AbstractContextManager[Apis]:
        require("vendors")
        return open_apis(target, os.environ)

    def read_checkpoint() -> Checkpoint:
        with _explain_backend(problem):
            states = [session.read_state(target, program) for program in BOTH]
        times = [read_deployment_time(state) for state in states if state]
        return Checkpoint(
            tuple(resource for state in states if state for resource in list_resources(state)),
            max(filter(None, times), default=None),
        )

    backups = target.settings.backups
    trust = find_trust(target) if backups else Trust(target.name)

    def read_report() -> ReportHealth | None:
        from readiness.records import describe_newest  # noqa: PLC0415 - the report's models take a moment

        return describe_newest(open_aws("primary"), trust, target.location)

    return Sources(
        read_checkpoint=read_checkpoint,
        open_primary=lambda: open_aws("primary"),
        open_replica=lambda: open_aws("replica"),
        open_elsewhere=open_copies if backups and backups.elsewhere else None,
        open_apis=connect,
        read_report=read_report,
        trust=trust,
        policies=CHECKOUT / "policies",
    )


@contextmanager
def _explain_backend(problem: Failure | None) -> Generator[None]:
    """Name the backend in what to do about a failure of the engine; raise the problem that it had before."""
    if problem:
        raise problem
    try:
        yield
    except Failure as failure:
        cause, _ = split_failure(failure)
        raise Failure(
            cause, "log in to the backend of the stack's state (docs/production.md), and run this again."
        ) from None


def _list_places(target: StackTarget) -> dict[str, str]:
    """Return where on this machine more is to be seen, by what it is."""
    places = {"data": str(target.folder)} if target.folder else {}
    if page := target.health_page:
        places["page"] = page[1]
    return places


def _write_outputs(
    target: StackTarget,
    health: Health,
    assessment: Assessment,
    *,
    html: Path | None,
    openmetrics: Path | None,
    refresh_seconds: float | None,
) -> None:
    """Write the page and the metrics where they are wanted, and the page that the twin serves."""
    served = target.health_page
    if html or served:
        from status.page import render_page  # noqa: PLC0415 - jinja takes a tenth of a second

        text = render_page(health, assessment, refresh_seconds=refresh_seconds)
        if html:
            write_files(html.parent, {html.name: text}, what="The page", option="--html")
            sys.stderr.write(f"The page is in {html}.\n")
        if served and served[0].parent.is_dir():
            # It is an extra, and must not keep anybody from the answer.
            with suppress(Failure):
                write_files(served[0].parent, {served[0].name: text}, what="The page", option="--html")
    if openmetrics:
        from status.metrics import render_metrics  # noqa: PLC0415 - nobody else needs Prometheus's client

        text = render_metrics(health, assessment)
        write_files(openmetrics.parent, {openmetrics.name: text}, what="The metrics", option="--openmetrics")
