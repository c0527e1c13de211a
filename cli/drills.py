"""`./bulwark drills`: lists the drills' evidence, and writes a report of one."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.table import Column, Table

from cli.attested_documents import read_attestation
from cli.credential_report import print_all_calls
from cli.options import ChosenStackOption, JsonOption, RecoveryOption, StoreOption, TwinOption
from cli.output import write_files
from cli.recovery_context import declared_stores, open_context
from cli.recovery_source import DocumentedSource, DocumentedStack, RecoverySource, find_source
from core.console import PrintableConsole, plain
from core.documents import DocumentError, read_file
from core.failure import Failure
from core.objectives import format_duration
from core.text import printable
from engine.stack_target import StackTarget
from recovery.context import RecoveryContext
from recovery.drill import records, reports
from recovery.drill.evidence import Drill, DrillIdentity, Measurement, Scenario, StackLocation
from recovery.drill.records import DrillRecord
from recovery.drill.reports import format_seconds
from recovery.drill.spec import DrillObjectives
from recovery.store import Store, choose_stores
from recovery.vault.client import Exists


@dataclass(frozen=True)
class _DrilledTarget:
    """What the drills are of."""

    name: str
    place: StackLocation
    objectives: Callable[[str], DrillObjectives]
    """The objectives of a store."""

    option: str
    """How a command names it, such as `--stack prod`."""

    stores: tuple[Store, ...]
    chosen: tuple[Store, ...] | None = None
    """The stores whose drills alone are shown; None: all that was drilled."""


def drills(
    *,
    stack: ChosenStackOption = None,
    on_twin: TwinOption = False,
    recovery: RecoveryOption = None,
    as_json: JsonOption = False,
    last: int = 20,
    drill: str | None = None,
    store: StoreOption = "all",
    html: Path | None = None,
    markdown_file: Annotated[Path | None, Parameter(name="--markdown")] = None,
    add: Path | None = None,
    for_policies: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    List the drills with what they proved and how fast; write one's report; add one that ran elsewhere.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at the drills of what a stack made on the twin.
        recovery: A recovery file in place of a stack (docs/recovery.md).
        as_json: Print one JSON document; with --drill the whole evidence of that one.
        last: How many drills, the newest first.
        drill: Only this one; reports are of the newest without it.
        store: Only the drills of the store of this name.
        html: Write the report as one page into this file.
        markdown_file: Write its summary as Markdown into this file.
        add: First put this evidence into the vault; needs the role that writes backups.
        for_policies: Print what the policies ask, for BULWARK_DRILLS before `./bulwark pulumi up`.

    Returns:
        0; the verdict of a drill is what `./bulwark drill` itself returns.
    """
    source = find_source(stack, on_twin=on_twin, recovery=recovery)
    context = open_context(source, vaults=("primary",))
    vault = context.primary
    if for_policies:
        sys.stdout.write(_read_history(source) + "\n")
        return 0
    target = _describe(source)
    if add:
        drill = add_evidence(context, add, target)
    evidence = records.read_records(vault, context.trust)
    if store != "all":
        target, evidence = _choose_store(target, evidence, store)
    chosen = _choose_drill(evidence, drill) if drill or html or markdown_file else None
    if chosen and html:
        earlier = [record.drill for record in evidence if record.drill]
        text = reports.render_html(
            chosen, earlier=earlier, stored=records.read_info(vault, chosen.identity.id)
        )
        _write(html, text, option="--html")
    if chosen and markdown_file:
        _write(markdown_file, reports.render_markdown(chosen), option="--markdown")
    if as_json:
        document = chosen.model_dump(mode="json") if chosen else _document(evidence[:last], evidence, target)
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    elif not (html or markdown_file or add):
        _print(
            [record for record in evidence if not chosen or record.drill is chosen][:last], evidence, target
        )
    return 0


def _describe(source: RecoverySource) -> _DrilledTarget:
    if isinstance(source, DocumentedSource):
        from cli.file_drill import documented_objectives  # noqa: PLC0415 - imports what a drill needs

        content, option = source.content, f"--recovery {source.place.name}"

        def of_file(store: str) -> DrillObjectives:
            return documented_objectives(content.objectives_of(store))

        return _DrilledTarget(source.name, "file", of_file, option, declared_stores(source))
    from cli.drill_facts import drill_objectives  # noqa: PLC0415 - recovery by a file runs without Pulumi

    target = source.target if isinstance(source, DocumentedStack) else source
    settings, option = target.settings, f"--stack {target.name}{target.option}"

    def of_stack(store: str) -> DrillObjectives:
        return drill_objectives(settings, store)

    return _DrilledTarget(target.name, target.location, of_stack, option, declared_stores(source))


def _choose_store(
    target: _DrilledTarget, evidence: list[DrillRecord], name: str
) -> tuple[_DrilledTarget, list[DrillRecord]]:
    """Return the target for one store, and the drills of it. Raise Failure if there is no such store."""
    drilled = (one.recovered for record in evidence if record.drill for one in record.drill.scenarios)
    known = tuple(dict.fromkeys((*target.stores, *filter(None, drilled))))
    chosen = choose_stores(known, name, place=target.name)
    of_store = [record for record in evidence if any(map(record.recovers, chosen))]
    return replace(target, stores=chosen, chosen=chosen), of_store


def _read_history(source: RecoverySource) -> str:
    if not isinstance(source, StackTarget):
        raise Failure("Policies judge a stack.", "name it: --stack.")
    from cli.drill_facts import read_history  # noqa: PLC0415 - recovery by a file runs without Pulumi
    from engine import session  # noqa: PLC0415 - as above

    return read_history(source, session.select(source, runs_program=False))


def _choose_drill(evidence: list[DrillRecord], drill: str | None) -> Drill:
    record = next((record for record in evidence if not drill or record.id == drill), None)
    if not record:
        what = f"no drill {drill}" if drill else "no drill yet"
        raise Failure(
            f"There is {what}.", "./bulwark drills lists all of them." if drill else "run ./bulwark drill."
        )
    if not record.drill:
        raise Failure(
            f"The evidence of drill {record.id} {record.unreadable}.", "choose another with --drill."
        )
    return record.drill


def _write(file: Path, text: str, *, option: str) -> None:
    write_files(file.parent, {file.name: text}, what="The report", option=option)
    sys.stderr.write(printable(f"The report is in {file}.") + "\n")


def _document(
    shown: list[DrillRecord], evidence: list[DrillRecord], target: _DrilledTarget
) -> dict[str, Any]:
    return {
        "stack": target.name,
        "passed": {
            store.name: {"drill": record.id, "at": record.proven_at.isoformat()}
            for store, record in _newest_passed(evidence, target).items()
            if record.proven_at and (target.chosen is None or store in target.chosen)
        },
        "drills": [_row(record.drill, target) for record in shown if record.drill],
        "unreadable": {record.id: record.unreadable for record in shown if record.unreadable},
        "uncounted": {record.id: record.doubt for record in shown if record.doubt},
    }


def _newest_passed(evidence: list[DrillRecord], target: _DrilledTarget) -> dict[Store, DrillRecord]:
    return records.newest_passed(evidence, target.name, target.place, target.objectives)


def _list_scenarios(drill: Drill, target: _DrilledTarget) -> list[Scenario]:
    return [one for one in drill.scenarios if target.chosen is None or one.recovered in target.chosen]


def _row(drill: Drill, target: _DrilledTarget) -> dict[str, Any]:
    return {
        "id": drill.identity.id,
        "stack": drill.identity.stack,
        "place": drill.identity.place,
        "started": drill.started.isoformat(),
        "verdict": drill.verdict,
        "faults": drill.faults,
        "scenarios": [
            {
                "scenario": scenario.kind,
                "stores": scenario.stores,
                "service": scenario.service,
                "verdict": scenario.verdict,
                "recovery_point": scenario.recovery_point.id if scenario.recovery_point else None,
                "lost_seconds": scenario.loss.seconds,
                **{f"{name}_seconds": measured.seconds for name, measured in scenario.times.items()},
            }
            for scenario in _list_scenarios(drill, target)
        ],
    }


def _print(shown: list[DrillRecord], evidence: list[DrillRecord], target: _DrilledTarget) -> None:
    console = PrintableConsole()
    if not evidence:
        console.print("There is no drill yet: ./bulwark drill runs one.")
        return
    # A terminal of 80 columns has no room for lines between these.
    fixed = [Column(name, no_wrap=True) for name in ("drill", "scenario", "verdict")]
    table = Table(
        *fixed, "lost", "query", "verified", "healthy", box=None, padding=(0, 1, 0, 0), pad_edge=False
    )
    for record in shown:
        if not record.drill:
            table.add_row(plain(record.id), "", f"[red]{plain(record.unreadable)}[/red]")
            continue
        for number, scenario in enumerate(_list_scenarios(record.drill, target)):
            table.add_row("" if number else plain(record.id), *_cells(scenario))
        if record.drill.error or not record.drill.scenarios:
            table.add_row(
                "" if record.drill.scenarios else plain(record.id),
                "",
                f"[red]{plain(record.drill.faults[0])}[/red]",
            )
    console.print(table)
    if len(shown) == 1 and (only := shown[0].drill):
        print_all_calls(console, only)
    _print_doubts(console, shown)
    last, now = _newest_passed(evidence, target), datetime.now(UTC)
    for store in target.stores or sorted(last):
        proven = last.get(store)
        if proven and proven.proven_at:
            ago = format_duration(now.replace(microsecond=0) - proven.proven_at.replace(microsecond=0))
            console.print(f"{store}: proven {ago} ago, by {plain(proven.id)}", style="green", highlight=False)
        else:
            console.print(f"{store}: no drill has passed", style="red")


def _print_doubts(console: PrintableConsole, shown: list[DrillRecord]) -> None:
    for record in shown:
        if record.doubt:
            console.print(
                printable(f"Does not count: {record.id}, which {record.doubt}"), style="yellow", markup=False
            )


def _cells(scenario: Scenario) -> tuple[str, ...]:
    colour = "green" if scenario.verdict == "passed" else "red"
    times = [scenario.times.get(name) for name in ("first_query", "verified", "health")]
    return (
        plain(scenario.title),
        f"[{colour}]{scenario.verdict}[/{colour}]",
        _format_time(scenario.loss) if scenario.has_loss else "",
        *(_format_time(measured) if measured else "" for measured in times),
    )


def _format_time(measured: Measurement) -> str:
    text = "?" if measured.seconds is None else format_seconds(measured.seconds)
    return text if measured.met else f"[red]{text}[/red]"


_PLACES: Final[dict[StackLocation, str]] = {
    "vendors": "at the vendors",
    "twin": "on the twin",
    "file": "by a recovery file",
}


def option_of(drilled: DrillIdentity) -> str:
    """Return the options that name what was drilled."""
    if drilled.place == "file":
        return "--recovery FILE"
    flag = " --twin" if drilled.place == "twin" and drilled.environment != "local" else ""
    return f"--stack {drilled.stack}{flag}"


def add_evidence(context: RecoveryContext, file: Path, target: _DrilledTarget) -> str:
    """
    Put the evidence that a drill wrote into the vault and return the drill's id; again changes nothing.

    Its attestation is in a file beside it, with `.attestation` after the name. Without it the evidence is
    stored and does not count.

    Raises:
        Failure: for a file that is no evidence, or that of another stack, place or time, and for a vault that
            has other evidence of that drill, or doesn't take it.
    """
    try:
        evidence = records.parse(read_file(file))
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name the evidence of a drill.") from None
    except DocumentError as error:
        raise Failure(
            f"{file} is no evidence of a drill: {error}.",
            "name what ./bulwark drill wrote, unchanged; docs/drills.md says what it holds.",
        ) from None
    known = evidence.identity
    if (known.stack, known.place) != (target.name, target.place):
        raise Failure(
            f"{file} is the evidence of a drill of {known.stack}, {_PLACES[known.place]}, and this is "
            f"{target.name}, {_PLACES[target.place]}.",
            f"type ./bulwark drills {option_of(known)} --add {file}.",
        )
    if evidence.started > datetime.now(UTC):
        raise Failure(
            f"{file} is the evidence of a drill that begins at {evidence.started:%Y-%m-%d %H:%M:%S} UTC, "
            "which is yet to come.",
            "set the clock of the machine that ran it (NTP), and run the drill again.",
        )
    identity, vault = known.id, context.recording_vault
    token = read_attestation(file)
    if fault := context.trust.find_fault(vault, records.to_json(evidence), token, "drill"):
        sys.stderr.write(
            printable(f"The evidence of drill {identity} {fault}, so that it does not count.") + "\n"
        )
    try:
        stored = records.store(vault, evidence, (lambda _: token.decode(errors="replace")) if token else None)
    except Exists:
        known_records = records.read_records(vault, context.trust)
        if all(record.drill != evidence for record in known_records if record.id == identity):
            raise Failure(
                f"The vault has other evidence of drill {identity}, which was left as it is.",
                f"compare them: ./bulwark drills {target.option} --drill {identity} --json.",
            ) from None
        sys.stderr.write(f"The evidence of drill {identity} is in the vault already.\n")
    else:
        sys.stderr.write(f"{stored.key} is in the vault, SHA-256 {stored.sha256}.\n")
    return identity
