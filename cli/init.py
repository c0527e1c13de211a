"""`./bulwark init`: writes the file of a new stack, from answers and from what the vendors show."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from cli.ending import Ending
from cli.new_stack.answers import ENVIRONMENTS, STACK_NAME, AnswerError, Answers, read_value
from cli.new_stack.blocks import build
from cli.new_stack.inventory import Inventory, look_around
from cli.new_stack.questions import Interview
from cli.new_stack.repository import add_repository_ids, guess_name, guess_repository
from cli.new_stack.stack_text import create, require_free, write_text
from cli.options import JsonOption
from components.settings import PROJECT, Problem, Settings
from core.console import PrintableConsole
from core.failure import Failure
from core.text import printable
from engine import stack_file
from engine.vendor_errors import VENDORS

_INTERRUPTED: Final = 130
_OPTIONS: Final = {
    "platform.environment": "--environment production",
    "platform.name": "--name NAME",
    "platform.repository": "--repository OWNER/NAME",
    "backups.account": "--vault ACCOUNT/REGION",
    "backups.region": "--vault ACCOUNT/REGION",
    "backups.replica.region": "a second --vault ACCOUNT/REGION",
    "backups.replica.account": "a second --vault ACCOUNT/REGION",
    "uptime.plan": "--uptime PLAN",
    "errors.organization": "--errors ORGANIZATION/TEAM",
    "errors.team": "--errors ORGANIZATION/TEAM",
}
"""Setting -> the option that gives it; any other is given by --set."""


def init(
    *,
    stack: Annotated[str | None, Parameter(name=["--stack", "-s"])] = None,
    environment: Literal["production", "staging"] | None = None,
    name: str = "",
    repository: str = "",
    service: Annotated[list[str] | None, Parameter(negative=())] = None,
    store: Annotated[list[str] | None, Parameter(negative=())] = None,
    vault: Annotated[list[str] | None, Parameter(negative=())] = None,
    elsewhere: str = "",
    uptime: str = "",
    errors: str = "",
    channel: Annotated[list[str] | None, Parameter(negative=())] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    no_input: Annotated[bool, Parameter(name="--no-input", negative=())] = False,
    no_policies: Annotated[bool, Parameter(name="--no-policies", negative=())] = False,
    dry_run: Annotated[bool, Parameter(name="--dry-run", negative=())] = False,
    as_json: JsonOption = False,
) -> int:
    """
    Write the file of a new stack, with what this team has, and say what the policies miss in it.

    In a terminal it asks for what no option gives. With the tokens that are in the environment it looks at
    what exists and proposes it: NEON_API_KEY, SUPABASE_ACCESS_TOKEN, UPTIMEROBOT_API_KEY, SENTRY_AUTH_TOKEN.
    Nothing is changed at a vendor, and no file is written over. The policies judge the new file on the twin.

    Args:
        stack: Name of the stack; its file is Pulumi.NAME.yaml.
        environment: What the stack is: production, or staging beside it.
        name: What every name at the vendors begins with.
        repository: OWNER/NAME at GitHub, whose workflows run the jobs.
        service: NAME=ADDRESS, such as api=https://api.example.com/health; may be given several times, as
            --store, --vault, --channel and --set.
        store: NAME=TYPE:PLACE: neon:PROJECT, supabase:PROJECT, postgres:VENDOR or s3:VENDOR.
        vault: ACCOUNT/REGION of AWS: first the vault, then its replica.
        elsewhere: Vendor of a third, encrypted copy at another cloud.
        uptime: Plan at UptimeRobot: solo, team or enterprise.
        errors: ORGANIZATION/TEAM at Sentry.
        channel: NAME=TYPE:TARGET: email:ADDRESS, slack:WORKSPACE/#CHANNEL, pagerduty:ACCOUNT/SERVICE or
            webhook.
        set_: PATH=VALUE of any other setting, such as stores.database.plan=scale.
        no_input: Ask nothing; what is missing is named.
        no_policies: Don't ask the policies.
        dry_run: Print the file and write nothing.
        as_json: Print one JSON document instead of text.

    Returns:
        0 when the file is written and the policies pass it.
    """
    if stack:
        _require_name(stack)
    given = Answers(
        environment or ENVIRONMENTS[0],
        name,
        repository,
        tuple(service or ()),
        tuple(store or ()),
        tuple(vault or ()),
        elsewhere,
        uptime,
        errors,
        tuple(channel or ()),
    )
    refused = _add_values(given, set_ or ())
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not no_input
    if stack and not dry_run:
        require_free(stack_file.path_of(stack))
    console = PrintableConsole(stderr=True)
    with (
        console.status("Looking at the vendors") as status,
        look_around(os.environ, on_progress=lambda name: status.update(f"Looking at {name}")) as seen,
    ):
        status.stop()
        _tell_seen(seen)
        if asks and not refused:
            stack, given = _interview(stack, environment, given, seen)
        blocks, problems = build(add_repository_ids(given), seen)
    problems = [*refused, *problems]
    if not stack:
        problems.insert(0, Problem("--stack", "is missing; it names the file"))
    if problems or not stack:
        raise _explain(stack or "STACK", problems)
    text, path = write_text(stack, blocks), stack_file.path_of(stack)
    settings = stack_file.load_settings(stack, stack_file.parse(text, path.name))
    report = _describe(stack, settings, seen)
    if dry_run:
        _print(report | {"text": text, "written": False}, as_json=as_json, text=text)
        return 0
    if asks and not _confirm(path.name):
        raise Failure("Nothing was written.", "the same command again; --dry-run prints the file.")
    create(path, text)
    if not as_json:
        sys.stdout.write(_list_next_steps(report))
    return _end(report | {"written": True}, settings, judges=not no_policies, as_json=as_json)


def _require_name(stack: str) -> None:
    if objection := _object_to_name(stack):
        raise Failure(f"--stack {objection}", "choose another one, such as --stack prod.")


def _object_to_name(stack: str) -> str:
    if STACK_NAME.fullmatch(stack):
        return ""
    return (
        f"{printable(stack)!r} is no name of a stack: letters, digits, hyphens and underscores, at most 100."
    )


def _add_values(answers: Answers, texts: Iterable[str]) -> list[Problem]:
    """Add what --set gives to the answers, and return what is no setting."""
    refused: list[Problem] = []
    for text in texts:
        try:
            path, value = read_value(text)
        except AnswerError as error:
            refused.append(Problem(error.option, str(error)))
        else:
            answers.values[path] = value
    return refused


def _tell_seen(seen: Inventory) -> None:
    counts = ", ".join(f"{count} {what}{'s' * (count > 1)}" for what, count in seen.count().items())
    lines = [f"The vendors show: {counts}."] if counts else []
    variables = {vendor.title: vendor.variable for vendor in VENDORS.values()}
    untold = [name for name in seen.unknown if not os.environ.get(variables[name])]
    if untold:
        named = ", ".join(f"{name} ({variables[name]})" for name in untold)
        lines.append(f"Not known, for want of a token in the environment: what is at {named}.")
    lines += [
        f"Not known: what is at {name}. {printable(reason)}"
        for name, reason in seen.unknown.items()
        if name not in untold
    ]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _interview(
    stack: str | None, environment: str | None, given: Answers, seen: Inventory
) -> tuple[str, Answers]:
    interview = Interview(seen, ask=_ask, tell=lambda line: sys.stderr.write(f"{line}\n"))
    sys.stderr.write("Enter takes what is in [brackets]. Nothing is written before the end.\n")
    chosen = environment or interview.ask_text(
        " or ".join(ENVIRONMENTS).capitalize(),
        ENVIRONMENTS[0],
        lambda text: "" if text in ENVIRONMENTS else f"{printable(text)!r} is neither",
    )
    free = [one for one in ("prod", "production", "staging", "main") if not stack_file.path_of(one).exists()]
    fitting = [one for one in free if one.startswith(chosen[:4])] or free
    name = stack or interview.ask_text("Name of the stack", fitting[0] if fitting else "", _object_to_stack)
    repository = guess_repository(stack_file.CHECKOUT)
    answers = replace(given, environment=chosen)
    return name, interview.complete(
        answers, default_name=guess_name(answers.repository or repository), default_repository=repository
    )


def _object_to_stack(stack: str) -> str:
    if objection := _object_to_name(stack):
        return objection
    file = stack_file.path_of(stack)
    return f"there is a {file.name} already, which stays as it is" if file.exists() else ""


def _ask(prompt: str) -> str:
    sys.stdout.flush()
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise Failure("The answers ended before the last question; nothing was written.", "run this again.")
    return line.strip()


def _confirm(file: str) -> bool:
    return _ask(f"Write {file}? [Y/n] ").lower() in {"", "y", "yes"}


def _explain(stack: str, problems: Sequence[Problem]) -> Failure:
    """Return the refusal that names all that is missing or wrong, each with the option that gives it."""
    lines = [f"  {printable(str(problem))}{_option_of(problem)}" for problem in problems]
    count = f"{len(problems)} answer{'s are' if len(problems) > 1 else ' is'}"
    return Failure(
        f"Pulumi.{stack}.yaml was not written; {count} missing or wrong:\n" + "\n".join(lines),
        "add these options; or leave out --no-input in a terminal, and be asked.",
        problems=[asdict(problem) for problem in problems],
    )


def _option_of(problem: Problem) -> str:
    if problem.path.startswith("--"):
        return ""
    return f" ({_OPTIONS.get(problem.path, f'--set {problem.path}=VALUE')})"


def _describe(stack: str, settings: Settings, seen: Inventory) -> dict[str, Any]:
    """Return what the new stack needs and what it will take over."""
    from components.secrets import TOKEN_VARIABLES, required_secrets  # noqa: PLC0415 - pulumi's SDK

    return {
        "stack": stack,
        "file": stack_file.path_of(stack).name,
        "secrets": [f"{PROJECT}:{name}" for name in required_secrets(settings)],
        "tokens": [token for block, token in TOKEN_VARIABLES.items() if getattr(settings, block)],
        "seen": seen.count(),
        "unknown": dict(seen.unknown),
    }


def _list_next_steps(report: dict[str, Any]) -> str:
    stack = report["stack"]
    lines = [f"Wrote {report['file']}; it is yours to change."]
    if report["secrets"]:
        lines.append("Its secrets, each asked for at a prompt:")
        command = f"./bulwark pulumi config set --stack {stack} --secret"
        lines += [f"  {command} {name}" for name in report["secrets"]]
    if report["tokens"]:
        lines.append(f"Tokens in the environment of each deployment: {', '.join(report['tokens'])}")
    if report["seen"]:
        lines.append(f"What is at the vendors already: `./bulwark adopt --stack {stack}` takes it over.")
    return "".join(f"{line}\n" for line in lines)


def _end(report: dict[str, Any], settings: Settings, *, judges: bool, as_json: bool) -> int:
    """Ask the policies, and end with their verdict."""
    stack, file = report["stack"], report["file"]
    preview = f"./bulwark preview --stack {stack} --twin"
    code, more = 0, dict[str, Any]()
    if not judges:
        ending = Ending(True, f"{file} is written; the policies were not asked.", preview)
    else:
        ending, code, more = _judge(stack, file, settings, preview, as_json=as_json)
    if as_json:
        _print(report | more | {"exit_code": code, "verdict": asdict(ending)}, as_json=True)
    if not as_json or not ending.passes:
        ending.write()
    return code


def _judge(
    stack: str, file: str, settings: Settings, preview: str, *, as_json: bool
) -> tuple[Ending, int, dict[str, Any]]:
    from cli.new_stack.verdict import judge  # noqa: PLC0415 - the engine and pulumi's SDK take a second

    try:
        verdict = judge(stack)
    except KeyboardInterrupt:
        return Ending(False, f"{file} is written; the policies were interrupted.", preview), _INTERRUPTED, {}
    except Failure as failure:
        return (
            Ending(False, f"{file} is written; the policies can't be asked: {failure.cause}", preview),
            1,
            {},
        )
    document = asdict(verdict)
    if verdict.passes:
        text = f"{file} is written, and passes {verdict.policies} policies."
        return Ending(True, text, preview), 0, document
    if verdict.failure:
        text = f"{file} is written; the policies can't be asked: {verdict.failure}"
        return Ending(False, text, f"correct that, then {preview}"), 1, document
    if not as_json:
        sys.stdout.write(f"\nWhat the policies miss in {stack}, each with its option:\n")
        for answer in verdict.missing:
            sys.stdout.write(f"  {answer.what}: {answer.option}, or {answer.setting} in the file\n")
        if _lacks_configuration(stack, settings):
            sys.stdout.write(
                f"  what only production needs: policies/config/{stack}.json does not say so yet\n"
            )
        else:
            sys.stdout.writelines(
                f"  {policy}: {printable(finding)}\n" for policy, finding in verdict.refusals.items()
            )
    count = len({name for one in verdict.missing for name in one.policies}) + len(verdict.refusals)
    policies = "policy refuses" if count == 1 else "policies refuse"
    text = f"{file} is written, and {count} {policies} it as it is."
    return Ending(False, text, _next_step(stack, settings, preview)), 1, document


def _next_step(stack: str, settings: Settings, preview: str) -> str:
    if _lacks_configuration(stack, settings):
        folder = "policies/config"
        return (
            f"`cp {folder}/staging.json {folder}/{stack}.json`; add the rest to the file, then `{preview}`."
        )
    return f"add them to the file; then `{preview}` shows each refusal with its fix."


def _lacks_configuration(stack: str, settings: Settings) -> bool:
    """Tell whether a staging stack is judged as production is."""
    from policies.framework import configuration  # noqa: PLC0415 - with the policies alone

    return settings.platform.environment == "staging" and not configuration.find_file(stack)


def _print(document: dict[str, Any], *, as_json: bool, text: str = "") -> None:
    sys.stdout.write(f"{json.dumps(document, indent=2)}\n" if as_json else text)
