"""The health of a stack on a terminal of 80 columns, and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from core.console import plain
from core.text import printable
from status.assessment import Assessment, Level, newest_drill, rough
from status.deadlines import SOON, ends_soon
from status.health import BackupHealth, Health, StoreHealth
from status.schema import StatusDocument

_COLOURS: Final[dict[Level, str]] = {
    "ok": "green",
    "attention": "yellow",
    "unknown": "magenta",
    "wrong": "red",
}
_UNKNOWN: Final = f"[{_COLOURS['unknown']}]unknown[/]"
_NONE: Final = "[red]none[/red]"
_FEWEST_FINDINGS: Final = 3
_LINES_BELOW: Final = 4
"""The verdict, the next step, a blank line and the shell's prompt."""


def to_json(health: Health, assessment: Assessment) -> str:
    """Return the health and the assessment as one JSON document."""
    document = StatusDocument(
        **health.model_dump(),
        level=assessment.level,
        verdict=assessment.verdict,
        findings=assessment.findings,
        next_step=assessment.next_step,
    )
    return document.model_dump_json(indent=2) + "\n"


def show(
    health: Health,
    assessment: Assessment,
    console: Console,
    *,
    places: Mapping[str, str] | None = None,
    services: bool = False,
) -> None:
    """
    Print the health; the verdict and what to type come last.

    Args:
        health: What was found.
        assessment: What it means.
        console: Where it is printed.
        places: Where on this machine more is to be seen, by what it is.
        services: Whether the table of the twin's services is printed.
    """
    with console.capture() as capture:
        _show_facts(health, console, places or {})
        if services and health.services:
            console.print(_service_table(health))
    text = capture.get()
    console.file.write(text)
    lines = text.count("\n") + _LINES_BELOW
    most = max(_FEWEST_FINDINGS, console.height - lines - 1) if console.is_terminal else None
    _show_findings(assessment, console, most)
    _show_verdict(assessment, console)


def _show_facts(health: Health, console: Console, places: Mapping[str, str]) -> None:
    where = "on the twin" if health.place == "twin" else "at the vendors"
    name = f"{health.stack} ({health.platform}, {where})" if health.platform else health.stack
    console.print(f"[bold]{plain(name)}[/bold]: {_describe_deployment(health)}", highlight=False)
    if health.deployment.found and not health.deployment.found.resources:
        return
    console.print(_store_table(health))
    facts = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for label, text in _list_facts(health, places):
        facts.add_row(label, text)
    console.print(facts, highlight=False)


def _describe_deployment(health: Health) -> str:
    deployment = health.deployment.found
    if deployment is None:
        return f"its state is {_UNKNOWN}"
    if not deployment.resources:
        return "[red]not deployed[/red]"
    ago = (
        f"{rough((health.looked_at - deployment.deployed_at).total_seconds())} ago"
        if deployment.deployed_at
        else f"at a time that is {_UNKNOWN}"
    )
    return f"{deployment.resources} resources, deployed {ago}"


def _store_table(health: Health) -> Table:
    has_copies = any("elsewhere" in store.vaults for store in health.stores)
    table = Table(
        "store",
        "backup",
        "locked until",
        "proven",
        "replica",
        *(["elsewhere"] if has_copies else []),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    for store in health.stores:
        table.add_row(store.name, *_store_cells(health, store, has_copies=has_copies))
    return table


def _store_cells(health: Health, store: StoreHealth, *, has_copies: bool) -> Iterator[str]:
    primary = store.vaults["primary"].found
    newest = primary.newest if primary else None
    if primary is None:
        yield from (_UNKNOWN, _UNKNOWN, _UNKNOWN)
    elif newest is None:
        yield from (_NONE, "", "")
    else:
        yield _age(newest, store.longest_age_seconds["primary"])
        yield f"{newest.locked_until:%Y-%m-%d}" if newest.locked_until else "[red]not locked[/red]"
        yield _proof(health, store)
    yield _replica(store)
    if has_copies:
        answer = store.vaults.get("elsewhere")
        if not answer or answer.found is None:
            yield _UNKNOWN
        else:
            copy = answer.found.newest
            yield _age(copy, store.longest_age_seconds["elsewhere"]) if copy else _NONE


def _age(backup: BackupHealth, longest_seconds: float) -> str:
    text = f"{rough(backup.age_seconds)} old"
    return text if backup.age_seconds <= longest_seconds else f"[red]{text}[/red]"


def _proof(health: Health, store: StoreHealth) -> str:
    primary = store.vaults["primary"].found
    newest = primary.newest if primary else None
    if newest and newest.problems:
        return "[red]damaged[/red]"
    if not primary or not primary.last_proven_at:
        return "[red]never[/red]"
    seconds = max(0.0, (health.looked_at - primary.last_proven_at).total_seconds())
    how = f", {newest.proof}" if newest and newest.proof and newest.proof != "read" else ""
    text = f"{rough(seconds)} ago{how}"
    return text if seconds <= store.longest_proof_age_seconds else f"[red]{text}[/red]"


def _replica(store: StoreHealth) -> str:
    replica, primary = store.vaults["replica"].found, store.vaults["primary"].found
    if replica is None:
        return _UNKNOWN
    if not replica.newest:
        return _NONE
    if primary and primary.newest and primary.newest.id in replica.ids:
        return "yes"
    return f"{rough(replica.newest.age_seconds)} ago"


def _list_facts(health: Health, places: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for store in health.stores:
        yield f"drill {store.name}", _describe_drill(health, store)
    yield "readiness", _describe_readiness(health)
    monitors = health.monitors.found
    of_kind = {
        kind: _UNKNOWN
        if monitors is None
        else _count_states(Counter(one.state for one in monitors if one.kind == kind))
        for kind in ("monitor", "heartbeat")
    }
    yield "monitors", of_kind["monitor"]
    crons = health.crons.found
    checked_in = _UNKNOWN if crons is None else _count_states(Counter(one.state for one in crons))
    yield "jobs", f"heartbeats: {of_kind['heartbeat']}; check-ins: {checked_in}"
    yield "issues", _describe_issues(health)
    yield "drift", _describe_drift(health)
    yield "waivers", _describe_deadlines(health)
    if health.services:
        yield "services", _count_states(Counter(one.state for one in health.services))
    for label, place in places.items():
        yield label, plain(place)
    for backup, state in health.restored_servers.items():
        yield "restored", f"{plain(backup)}, {state}; ./bulwark discard {plain(backup)}"


def _describe_drill(health: Health, store: StoreHealth) -> str:
    if health.drills.found is None:
        return _UNKNOWN
    drill = newest_drill(health, store)
    if not drill:
        return _NONE
    outcome = "[green]passed[/green]" if drill.passed else "[red]failed[/red]"
    parts = [f"{drill.scenario} {outcome} {rough(drill.age_seconds)} ago"]
    for label, seconds, objective in (
        ("back in", drill.back_seconds, drill.back_objective_seconds),
        ("lost", drill.lost_seconds, drill.lost_objective_seconds),
    ):
        if objective:
            parts.append(f"{label} {rough(seconds) if seconds is not None else '?'} of {rough(objective)}")
    return ", ".join(parts)


_VERDICTS: Final = {
    "ready": "[green]ready[/green]",
    "not_ready": "[red]not ready[/red]",
    "unknown": "[yellow]not looked at in full[/yellow]",
}


def _describe_readiness(health: Health) -> str:
    readiness = health.readiness.found
    if readiness is None:
        return _UNKNOWN
    if not (newest := readiness.newest):
        return _NONE
    score = f", score {newest.score} %" if newest.score is not None else ""
    failed = f", {len(newest.failed)} failed" if newest.failed else ""
    return f"{_VERDICTS[newest.verdict]} {rough(newest.age_seconds)} ago{score}{failed}"


_GOOD: Final = frozenset(("up", "ok", "running"))
_BAD: Final = frozenset(("down", "missing", "failed", "stopped", "unhealthy"))


def _count_states(counts: "Counter[str]") -> str:
    if not counts:
        return "none"
    parts: list[str] = []
    for state, count in sorted(counts.items(), key=lambda item: (item[0] not in _BAD, item[0])):
        colour = "green" if state in _GOOD else "red" if state in _BAD else "yellow"
        parts.append(f"[{colour}]{count} {state}[/{colour}]")
    return ", ".join(parts)


def _describe_issues(health: Health) -> str:
    if health.issues.found is None:
        return _UNKNOWN
    counts = Counter(one.kind for one in health.issues.found)
    if not counts:
        return "[green]none open[/green]"
    alerts = f"[red]{counts['alert']} of monitors[/red]" if counts["alert"] else ""
    errors = f"[yellow]{counts['error']} of errors[/yellow]" if counts["error"] else ""
    return f"open: {', '.join(filter(None, (alerts, errors)))}"


def _describe_drift(health: Health) -> str:
    drift = health.drift
    if not drift:
        return "[dim]not looked at[/dim]"
    ago = f"{rough((health.looked_at - drift.looked_at).total_seconds())} ago"
    if drift.passes:
        return f"[green]none[/green] {ago}"
    return f"[red]{drift.differences} differences[/red], {drift.unknown} not looked at, {ago}"


def _describe_deadlines(health: Health) -> str:
    if health.deadlines.found is None:
        return _UNKNOWN
    soon = [one for one in health.deadlines.found if ends_soon(one, health.looked_at.date())]
    if not soon:
        return f"none ends within {SOON.days} d"
    return f"[yellow]{len(soon)} of {len(health.deadlines.found)} end within {SOON.days} d[/yellow]"


def _service_table(health: Health) -> Table:
    table = Table("service", "state", "address", "pid", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for service in health.services:
        state = _count_states(Counter([service.state])).replace("1 ", "")
        detail = f" {plain(service.detail)}" if service.detail else ""
        table.add_row(service.name, f"{state}{detail}", plain(service.address), str(service.pid or ""))
    return table


def _show_findings(assessment: Assessment, console: Console, most: int | None) -> None:
    for finding in assessment.findings[:most]:
        mark = Text(f"{finding.level}: ", style=_COLOURS[finding.level])
        line = mark + Text(printable(finding.what))
        console.print(line, highlight=False, no_wrap=console.is_terminal, overflow="ellipsis")
    more = len(assessment.findings) - most if most is not None else 0
    if more > 0:
        console.print(f"and {more} more: --json shows all", style="dim")


def _show_verdict(assessment: Assessment, console: Console) -> None:
    console.print(
        printable(assessment.verdict),
        style=f"bold {_COLOURS[assessment.level]}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if assessment.next_step:
        console.print(
            printable(f"  Next: {assessment.next_step}"), markup=False, highlight=False, soft_wrap=True
        )
