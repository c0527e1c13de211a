"""`./bulwark respond`: does at the vendors what the runbooks say, one step at a time, and records it."""

import json
import os
import shlex
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.table import Table

from cli.ending import Ending
from cli.events import RunLog
from cli.options import JsonOption, StackOption, TwinOption
from cli.recovery_context import open_context
from cli.response_journal import open_journal
from core.console import PrintableConsole, plain
from core.failure import Failure, split_failure
from core.text import printable
from engine.stack_target import StackTarget
from engine.targets import find_target
from recovery.context import RecoveryContext
from respond.carry_out import Response, carry_out
from respond.journal import ListedResponse, ResponseJournal, merge, read_responses
from respond.record import ResponseRecord
from respond.step import RespondContext, ResponsePlan, ResponseStep, StepOptions
from respond.steps import STEPS, find_step

_LAST: Final = 20


def respond(
    step: str | None = None,
    target: str | None = None,
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    at: datetime | None = None,
    keep_as: str = "",
    role: str = "",
    deployment: str = "",
    key: str = "",
    revoke: str = "",
    key_file: str = "",
    confirm: str | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> int:
    """
    Do at a vendor what a runbook says. Without --confirm it only looks, and says what it would do.

    It shows the proof that its target is the declared one, what it found, each change with its request, and
    what it doesn't reach. After the target's name was typed, or given with --confirm, it makes the changes
    and records each: who, when, at what, how it was before and after. The record is on this machine at once,
    and in the vault as soon as that takes it. An interrupted call is typed again: it goes on from there.

    Args:
        step: What is done; --list names the steps with the rights that each needs.
        target: At what, by its name in the stack's file, such as a store or a service.
        stack: The stack; `local` is the twin on this machine.
        on_twin: Work on what a stack made on the twin.
        as_json: Print one JSON document; nothing is asked then.
        at: The instant (UTC) that is restored.
        keep_as: Name under which what is replaced is kept, where the step replaces something.
        role: Which one, where a target has several, such as the roles of a database.
        deployment: Id of the deployment that runs, or is deployed, again.
        key: Id of the API key that another one replaces.
        revoke: Id of the API key that was replaced: it is revoked.
        key_file: File of this machine for the new key, mode 0600; it must not be there yet.
        confirm: STACK/TARGET, as the plan shows it: make the changes, and ask nothing.
        list_: List the steps, and the records of the stack's responses.

    Returns:
        0 when the plan is shown, or the step was carried out and is as it should be; else 1.
    """
    found = find_target(stack, on_twin=on_twin)
    if list_ or step is None:
        return _list(found, as_json=as_json)
    chosen = find_step(step)
    if target is None:
        raise Failure(f"{chosen.name} needs {chosen.takes}.", f"`./bulwark respond {chosen.name} NAME`.")
    options = StepOptions(
        at=_as_utc(at),
        keep_as=keep_as,
        role=role,
        deployment=deployment,
        key=key,
        revoke=revoke,
        key_file=key_file,
    )
    console = PrintableConsole(stderr=True)
    with console.status(f"Looking: {chosen.name} {target}"):
        context = _open(found)
        plan = chosen.plan(context, target, options)
    name = f"{found.name}/{target}"
    command = _command(found, chosen, target, options, name)
    if not as_json:
        _print_plan(found, chosen, target, plan, PrintableConsole())
    if plan.is_done:
        return _end(found, chosen, target, plan, None, as_json=as_json, sentence="There is nothing to do.")
    if confirm is None and not _ask(name, as_json=as_json):
        return _end(
            found,
            chosen,
            target,
            plan,
            None,
            as_json=as_json,
            sentence="Nothing was changed.",
            next_step=f"to carry it out: {command}",
        )
    if confirm not in {None, name}:
        raise Failure(
            f"Nothing was changed: {confirm} was confirmed, and this is {name}.",
            f"to carry it out: {command}",
        )
    journal = open_journal(found)
    with journal.lock(), RunLog(f"{chosen.name} {name}", step=chosen.name, target=name) as log:
        response = carry_out(
            context,
            chosen,
            target,
            options,
            plan=plan,
            journal=journal,
            on_progress=lambda doing: log.progress(doing, doing=doing),
        )
        _send(found, journal, console)
    return _report(found, chosen, response, command, as_json=as_json)


def _open(target: StackTarget) -> RespondContext:
    """Read what the stack's state knows. Raises Failure: it was never deployed, or can't be read."""
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - without Pulumi so far

    outputs = session.outputs(target)
    if not outputs:
        raise Failure(f"The stack {target.name} is not deployed.", "run ./bulwark up first.")
    return RespondContext(target, outputs, os.environ)


def _ask(name: str, *, as_json: bool) -> bool:
    """Return whether a person typed the target's name; nobody is asked where nobody can answer."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input(f"Type {name} to carry it out, or Enter to change nothing: ").strip() == name


def _as_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise Failure(f"--at {moment:%Y-%m-%d %H:%M:%S} UTC is in the future.", "name a moment before now.")
    return moment


def _command(target: StackTarget, step: ResponseStep, name: str, options: StepOptions, confirmed: str) -> str:
    chosen = "".join(
        f" --{option.replace('_', '-')} {shlex.quote(text.removesuffix('Z') if option == 'at' else text)}"
        for option, text in options.document().items()
    )
    return f"./bulwark respond {step.name} {name}{chosen}{_options(target)} --confirm {confirmed}"


def _options(target: StackTarget) -> str:
    return f"{'' if target.name == 'local' else f' --stack {target.name}'}{target.option}"


def _send(target: StackTarget, journal: ResponseJournal, console: PrintableConsole) -> None:
    """Put the records into the vault; they stay on this machine where it doesn't take them."""
    if not target.settings.backups:
        return
    try:
        journal.send(_open_vault(target))
    except Failure as failure:
        cause, _ = split_failure(failure)
        console.print(
            f"The record is on this machine alone: {cause} `./bulwark respond --list` tries again.",
            style="yellow",
            markup=False,
            highlight=False,
        )


def _open_vault(target: StackTarget) -> RecoveryContext:
    return open_context(target, vaults=("primary",))


def _report(
    target: StackTarget, step: ResponseStep, response: Response, command: str, *, as_json: bool
) -> int:
    record = response.record
    failed = [action for action in record.actions if action.state == "failed"]
    if failed:
        sentence = f"{step.name} failed at {failed[0].name}: {failed[0].error}"
    elif record.outcome == "failed":
        missing = [
            action.name for action in (response.after.actions if response.after else ()) if not action.is_done
        ]
        sentence = f"{step.name} was carried out, and is not as it should be: {', '.join(missing)}."
    else:
        sentence = f"{step.name} of {record.target} was carried out in {record.seconds or 0:.1f} s."
    passes = record.outcome == "carried out"
    if not as_json:
        _print_result(record, PrintableConsole())
    next_step = "" if passes else f"correct that and type it again; it goes on from there: {command}"
    return _end(
        target,
        step,
        record.target,
        response.after,
        record,
        as_json=as_json,
        sentence=sentence,
        passes=passes,
        next_step=next_step,
    )


def _end(
    target: StackTarget,
    step: ResponseStep,
    name: str,
    plan: ResponsePlan | None,
    record: ResponseRecord | None,
    *,
    as_json: bool,
    sentence: str,
    passes: bool = True,
    next_step: str = "",
) -> int:
    """Write the end of a call and return its exit code."""
    after = plan.next_step.replace("{options}", _options(target)) if plan and passes else ""
    ending = Ending(passes, printable(sentence), printable(next_step or after))
    if as_json:
        document = {
            "step": step.name,
            "stack": target.name,
            "target": name,
            "confirm": f"{target.name}/{name}",
            "rights": step.rights,
            "verdict": ending.sentence,
            "next_step": ending.next_step,
            "plan": _describe_plan(plan) if plan else None,
            "record": record.model_dump(mode="json") if record else None,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    if not as_json or not passes:
        ending.write()
    return 0 if passes else 1


def _describe_plan(plan: ResponsePlan) -> dict[str, Any]:
    return {
        "proofs": [
            {"what": proof.what, "declared": proof.declared, "answered": proof.answered}
            for proof in plan.proofs
        ],
        "found": dict(plan.found),
        "actions": [
            {"name": action.name, "does": action.does, "is_done": action.is_done} for action in plan.actions
        ],
        "left": list(plan.left),
    }


def _print_plan(
    target: StackTarget, step: ResponseStep, name: str, plan: ResponsePlan, console: PrintableConsole
) -> None:
    place = "on the twin" if target.location == "twin" else "at the vendors"
    _print(console, f"{step.name} of {name}, stack {target.name} {place}: {step.title}")
    table = Table("target", "declared", "answered")
    for proof in plan.proofs:
        table.add_row(plain(proof.what), plain(proof.declared), plain(proof.answered))
    console.print(table)
    for what, text in plan.found.items():
        _print(console, f"found    {what}: {text}")
    for number, action in enumerate(plan.actions, 1):
        done = " (done already)" if action.is_done else ""
        _print(
            console,
            f"{'change' if not action.is_done else 'changed'} {number} {action.name}: {action.does}{done}",
        )
    for line in plan.left:
        _print(console, f"left     {line}")
    _print(console, f"rights   {step.rights}")


def _print_result(record: ResponseRecord, console: PrintableConsole) -> None:
    for action in record.actions:
        result = "; ".join(f"{what} {text}" for what, text in action.result.items())
        _print(
            console,
            f"{action.state:8} {action.name} in {action.seconds:.1f} s{f': {result}' if result else ''}",
        )
    for what, text in record.after.items():
        before = record.before.get(what, "")
        _print(console, f"now      {what}: {text}{f' (before: {before})' if before != text else ''}")
    _print(console, f"record   {record.id}, by {record.actor}")


def _print(console: PrintableConsole, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _list(target: StackTarget, *, as_json: bool) -> int:
    journal, doubt = open_journal(target), ""
    listed: list[ListedResponse] = []
    if target.settings.backups:
        try:
            context = _open_vault(target)
            with journal.lock():
                journal.send(context)
            listed = read_responses(context.primary, context.trust)
        except Failure as failure:
            doubt = split_failure(failure)[0]
    listed = merge(listed, journal.read())[:_LAST]
    if as_json:
        document = {
            "stack": target.name,
            "steps": [
                {"name": step.name, "title": step.title, "takes": step.takes, "rights": step.rights}
                for step in STEPS
            ],
            "responses": [
                {
                    "id": one.id,
                    "in_vault": one.in_vault,
                    "doubt": one.doubt,
                    "record": one.record.model_dump(mode="json") if one.record else None,
                }
                for one in listed
            ],
            "vault_not_read": doubt,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    console = PrintableConsole()
    steps = Table("step", "target", "does", "rights")
    for step in STEPS:
        steps.add_row(step.name, step.takes, step.title, step.rights)
    console.print(steps)
    if listed:
        console.print(_tabulate(listed))
    if doubt:
        _print(console, f"The records in the vault were not read: {doubt}")
    unfinished = [one for one in listed if one.record and one.record.outcome != "carried out"]
    sentence = (
        f"Responses of {target.name}: {len(listed)}, {len(unfinished)} of them unfinished or failed."
        if listed
        else f"Nobody has responded yet at {target.name}."
    )
    next_step = f"./bulwark respond STEP TARGET{_options(target)} shows what it would do."
    Ending(passes=True, sentence=sentence, next_step=next_step).write()
    return 0


def _tabulate(listed: Iterable[ListedResponse]) -> Table:
    table = Table("record", "step", "target", "by", "outcome", "seconds", "kept")
    for response in listed:
        kept = (
            f"vault{f': {response.doubt}' if response.doubt else ''}" if response.in_vault else "this machine"
        )
        record = response.record
        if record is None:
            table.add_row(plain(response.id), "", "", "", "", "", plain(kept))
            continue
        table.add_row(
            *map(plain, (record.id, record.step, record.target, record.actor, record.outcome)),
            f"{record.seconds:.1f}" if record.seconds is not None else "",
            plain(kept),
        )
    return table
