"""`./bulwark ready`: whether the running platform is ready for production."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

from cli.options import JsonOption, StackOption, TwinOption
from cli.output import write_files
from components.secrets import TOKEN_VARIABLES
from core.console import PrintableConsole
from core.failure import Failure
from core.vault_layout import new_id
from engine.stack_file import CHECKOUT
from engine.stack_target import StackTarget
from engine.targets import find_target

if TYPE_CHECKING:
    from collections.abc import Generator

    import psycopg

    from live.heartbeats import DeclaredHeartbeat
    from live.keys import KeyState
    from live.vendor_api import WritingApi
    from live.vendor_apis import Apis
    from readiness.check import ReadinessCheck
    from readiness.live_platform import LivePlatform
    from readiness.results import Readiness
    from readiness.shared_result import SharedResult
    from readiness.trend import ReadinessTrend
    from status.health import Health

NamesOption = Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=True)]
CommitOption = Annotated[str, Parameter(name="--commit")]
JobOption = Annotated[str, Parameter(name="--job")]
WaitOption = Annotated[float, Parameter(name="--wait", validator=validators.Number(gt=0))]
HistoryOption = Annotated[bool, Parameter(name="--history", negative=())]
ListOption = Annotated[bool, Parameter(name="--list", negative=())]


def ready(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    only: NamesOption = (),
    active: NamesOption = (),
    job: JobOption = "",
    wait: WaitOption = 10.0,
    commit: CommitOption = "",
    as_json: JsonOption = False,
    markdown: Path | None = None,
    html: Path | None = None,
    evidence: Path | None = None,
    add: Path | None = None,
    history: HistoryOption = False,
    report: str | None = None,
    list_checks: ListOption = False,
) -> int:
    """
    Look at the running platform, and say whether it is ready for production; verdict last.

    Checks that send many or odd requests run on staging and the twin. At production they run when they are
    named, against the declared addresses, within the number of requests that they state (docs/readiness.md).
    `lapsed-heartbeat-pages` runs nowhere unless it is named. A report of all checks is kept in the vault, and
    shows what moved since the earlier ones.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack made on the twin.
        only: Ids of the checks that run; without it all do.
        active: Ids of active checks that shall run at production too.
        job: The job whose heartbeat is let lapse; without it the one that lapses soonest.
        wait: The most minutes that are waited for a heartbeat to lapse.
        commit: The commit that was deployed, which the platform has to run.
        as_json: Print one JSON document (docs/readiness.schema.json).
        markdown: Write the report as Markdown into this file.
        html: Write the report as one page into this file.
        evidence: Write the evidence into this file, and not into the vault; `ready --add` puts it there.
        add: Put the evidence that another run wrote into the vault; needs the role that writes backups.
        history: List the reports in the vault with what moved, and look at nothing.
        report: Show this report of the vault, and look at nothing.
        list_checks: Show the checks, and look at nothing.

    Returns:
        0 when everything that was looked at passed; 1 when something failed; 3 when nothing failed and
        something could not be looked at. With --add, --history, --report and --list 0.
    """
    from cli import readiness_reports  # noqa: PLC0415 - the checks import an HTTP client and a validator
    from cli.attested_documents import require_writable  # noqa: PLC0415
    from readiness import terminal  # noqa: PLC0415
    from readiness.checks import CHECKS  # noqa: PLC0415
    from readiness.scoring import EXIT_CODES  # noqa: PLC0415

    _require_known([*only, *active], CHECKS)
    chosen = [check for check in CHECKS if not only or check.id in only]
    if list_checks:
        terminal.show_checks(chosen, PrintableConsole())
        return 0
    target = find_target(stack, on_twin=on_twin)
    if history:
        readiness_reports.show_history(target, as_json=as_json)
        return 0
    if evidence and only:
        raise Failure("A report of some checks alone is no evidence.", "leave out --only.")
    if evidence:
        require_writable(evidence)
    if add or report:
        kept = (
            readiness_reports.add(target, add) if add else readiness_reports.find_report(target, report or "")
        )
        moved = readiness_reports.find_trend(kept, readiness_reports.ask_for_earlier(target))
        _show(kept, moved, html=html, markdown=markdown, as_json=as_json)
        return 0
    earlier = None if only else readiness_reports.ask_for_earlier(target)
    with (
        PrintableConsole(stderr=True).status("Looking") as status,
        _open(target, commit, job, wait) as platform,
    ):
        found, is_late = _look(
            target,
            platform,
            chosen,
            active=active,
            only=only,
            on_progress=lambda title: status.update(f"Looking: {title}"),
        )
        moved = readiness_reports.find_trend(found, earlier) if earlier else None
    _show(found, moved, html=html, markdown=markdown, as_json=as_json)
    if not only:
        readiness_reports.keep(target, found, evidence)
    sys.stdout.flush()
    if is_late or (earlier and earlier.is_late):
        # The threads that still wait for an answer would hold up the end of the process.
        os._exit(EXIT_CODES[found.verdict])
    return EXIT_CODES[found.verdict]


def _require_known(names: Iterable[str], checks: "Sequence[ReadinessCheck]") -> None:
    known = {check.id for check in checks}
    if unknown := sorted(set(names) - known):
        raise Failure(f"There is no check {', '.join(unknown)}.", "`./bulwark ready --list` shows them.")


@contextmanager
def _open(target: StackTarget, commit: str, job: str, wait_minutes: float) -> "Generator[LivePlatform]":
    """Open what the checks look at; nothing is asked before a check wants it."""
    from cli.status import read_health  # noqa: PLC0415 - as in `ready`
    from readiness.http_reader import HttpReader  # noqa: PLC0415
    from readiness.live_platform import (  # noqa: PLC0415
        DatabaseAccess,
        ErrorTracking,
        HeartbeatAccess,
        LivePlatform,
    )
    from readiness.shared_result import SharedResult  # noqa: PLC0415
    from recovery.context import require_output  # noqa: PLC0415

    settings = target.settings
    outputs = SharedResult(lambda: _read_outputs(target))
    health = SharedResult(lambda: read_health(target)[0])

    @contextmanager
    def open_database(name: str) -> "Generator[psycopg.Connection]":
        from recovery.postgres.connection import connect  # noqa: PLC0415

        urls = require_output(require_output(outputs.result(), "database_urls"), name)
        with connect(target.reach_database(urls["owner"])) as connection:
            yield connection

    plain = {url: found for url in _list_urls(target) if (found := target.plain_address(url))}
    reader = HttpReader(
        [*_list_urls(target), *plain.values()],
        target.tls_context(),
        source_address=_draw_source(target),
        uses_proxies=target.uses_proxies,
    )
    try:
        yield LivePlatform(
            stack=target.name,
            option=f"--stack {target.name}{target.option}",
            settings=settings,
            reader=reader,
            authorities=target.tls_context(),
            checkout=CHECKOUT,
            plain_addresses=plain,
            deployed_commit=commit or target.deployed_commit,
            health=health,
            read_keys=partial(_read_keys, target, health) if settings.backups else None,
            open_host=partial(_open_api, target),
            heartbeats=HeartbeatAccess(
                partial(_open_apis, target),
                lambda: _list_heartbeats(target, require_output(outputs.result(), "heartbeat_urls")),
                target.read_speed,
                job=job,
                longest_wait_seconds=wait_minutes * 60,
            )
            if settings.uptime
            else None,
            errors=ErrorTracking(
                partial(_open_api, target, "sentry"),
                lambda: require_output(outputs.result(), "error_dsns"),
                target.uses_proxies,
            )
            if settings.errors
            else None,
            databases={
                name: DatabaseAccess(store.application_role, partial(open_database, name))
                for name, store in settings.neon.items()
            },
        )
    finally:
        reader.close()


def _list_urls(target: StackTarget) -> list[str]:
    return [service.url for service in target.settings.services.values()]


def _read_keys(target: StackTarget, health: "SharedResult[Health]") -> "list[KeyState]":
    """Ask AWS as the planner, who may read keys in both accounts."""
    from engine import session  # noqa: PLC0415 - the engine's SDK takes half a second
    from engine.program import BOTH  # noqa: PLC0415
    from live import keys  # noqa: PLC0415 - botocore takes a second
    from live.aws_access import AwsAccess  # noqa: PLC0415
    from live.declared import DeclaredStack  # noqa: PLC0415
    from recovery.state import list_resources  # noqa: PLC0415

    health.result()  # which reads the same state; the engine is asked for one thing at a time
    session.set_environment(target, runs_program=False)
    states = [session.read_state(target, program) for program in BOTH]
    declared = DeclaredStack(resource for state in states if state for resource in list_resources(state))
    access = AwsAccess(
        target.aws_endpoint,
        find_key=lambda: target.role_credentials("planner"),
        find_replica_key=lambda: target.replica_credentials("planner"),
    )
    return keys.read_states(declared, access)


@contextmanager
def _open_apis(target: StackTarget) -> "Generator[Apis]":
    from engine import session  # noqa: PLC0415 - the engine's SDK takes half a second
    from live.vendor_apis import open_apis  # noqa: PLC0415 - httpx takes a fifth of a second

    session.set_environment(target, runs_program=False)
    with open_apis(target, os.environ) as apis:
        yield apis


def _list_heartbeats(target: StackTarget, urls: "Mapping[str, str]") -> "list[DeclaredHeartbeat]":
    from engine import session  # noqa: PLC0415 - the engine's SDK takes half a second
    from live.declared import DeclaredStack  # noqa: PLC0415
    from live.heartbeats import list_heartbeats  # noqa: PLC0415
    from recovery.state import list_resources  # noqa: PLC0415

    state = session.read_state(target)
    return list(list_heartbeats(DeclaredStack(list_resources(state) if state else ()), urls))


@contextmanager
def _open_api(target: StackTarget, vendor: Literal["railway", "vercel", "sentry"]) -> "Generator[WritingApi]":
    from engine import session  # noqa: PLC0415 - the engine's SDK takes half a second
    from live.vendor_apis import open_writing_api  # noqa: PLC0415 - httpx takes a fifth of a second

    session.set_environment(target, runs_program=False)
    token = os.environ.get(TOKEN_VARIABLES["errors" if vendor == "sentry" else f"at_{vendor}"], "")
    with open_writing_api(target, vendor, token) as api:
        yield api


def _read_outputs(target: StackTarget) -> "dict[str, Any]":
    from engine import session  # noqa: PLC0415 - the engine's SDK takes half a second

    session.set_environment(target, runs_program=False)
    return session.outputs(target)


def _draw_source(target: StackTarget) -> str | None:
    """
    Return a loopback address of this run's own on the twin, so that rate limits count it as a new client.

    The monitors and an earlier run would otherwise have used up a part. Only Linux has more than one such
    address without being told.
    """
    if target.location != "twin" or sys.platform != "linux":
        return None
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def _look(
    target: StackTarget,
    platform: "LivePlatform",
    checks: "Sequence[ReadinessCheck]",
    *,
    active: Collection[str],
    only: Collection[str],
    on_progress: Callable[[str], None],
) -> "tuple[Readiness, bool]":
    from readiness.checks import CHECKS  # noqa: PLC0415 - as in `ready`
    from readiness.results import Readiness  # noqa: PLC0415
    from readiness.run import run_checks  # noqa: PLC0415
    from readiness.scoring import judge, mean_score, score_areas  # noqa: PLC0415

    looked_at, begin = datetime.now(UTC), time.monotonic()
    results, is_late = run_checks(checks, platform, active=active, only=only, on_progress=on_progress)
    verdict, sentence, next_step = judge(target.name, platform.option, results)
    areas = tuple(score_areas(results))
    return Readiness(
        id=new_id(looked_at),
        is_whole=len(checks) == len(CHECKS),
        stack=target.name,
        platform=target.settings.platform.name,
        environment=target.settings.platform.environment,
        place=target.location,
        option=platform.option,
        looked_at=looked_at,
        seconds=round(time.monotonic() - begin, 3),
        commit=platform.deployed_commit,
        requests=platform.reader.requests,
        verdict=verdict,
        sentence=sentence,
        next_step=next_step,
        score=mean_score(areas),
        areas=areas,
        checks=tuple(results),
    ), is_late


def _show(
    found: "Readiness",
    moved: "ReadinessTrend | None",
    *,
    html: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Write the report into the files that were asked for, and print it."""
    from readiness import terminal  # noqa: PLC0415 - as in `ready`
    from readiness.schema import ReadinessDocument  # noqa: PLC0415

    if html:
        from readiness.page import render_page  # noqa: PLC0415 - jinja takes a tenth of a second

        write_files(html.parent, {html.name: render_page(found, moved)}, what="The page", option="--html")
        sys.stderr.write(f"The page is in {html}.\n")
    if markdown:
        from readiness.markdown import render_markdown  # noqa: PLC0415

        text = render_markdown(found, moved)
        write_files(markdown.parent, {markdown.name: text}, what="The report", option="--markdown")
        sys.stderr.write(f"The report is in {markdown}.\n")
    if as_json:
        document = ReadinessDocument(**found.model_dump(), trend=moved)
        sys.stdout.write(document.model_dump_json(indent=2) + "\n")
    else:
        terminal.show(found, moved, PrintableConsole())
