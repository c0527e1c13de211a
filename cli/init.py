"""`./bulwark init`: writes the file of a new stack, from answers and from what the vendors show."""

import json
import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal

from cyclopts import Parameter

from cli.new_stack.answers import ENVIRONMENTS, STACK_NAME, AnswerError, Answers, read_value
from cli.new_stack.blocks import build
from cli.new_stack.ending import end
from cli.new_stack.inventory import Inventory, look_around
from cli.new_stack.questions import Interview
from cli.new_stack.report import describe_seen, describe_stack, explain_problems, list_next_steps
from cli.new_stack.repository import add_repository_ids, guess_name, guess_repository
from cli.new_stack.stack_text import create, require_free, write_text
from cli.options import JsonOption
from components.settings import Problem
from core.console import PrintableConsole
from core.failure import Failure
from core.text import printable
from engine import stack_file


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
        sys.stderr.write(describe_seen(seen))
        if asks and not refused:
            stack, given = _interview(stack, environment, given, seen)
        blocks, problems = build(add_repository_ids(given), seen)
    problems = [*refused, *problems]
    if not stack:
        problems.insert(0, Problem("--stack", "is missing; it names the file"))
    if problems or not stack:
        raise explain_problems(stack or "STACK", problems)
    text, path = write_text(stack, blocks), stack_file.path_of(stack)
    settings = stack_file.load_settings(stack, stack_file.parse(text, path.name))
    report = describe_stack(stack, settings, seen)
    if dry_run:
        document = report | {"text": text, "written": False}
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n" if as_json else text)
        return 0
    if asks and not _confirm(path.name):
        raise Failure(
            "Nothing was written.",
            f"correct the answers, each of which is an option:\n{_list_options(stack, given)}",
        )
    create(path, text)
    if not as_json:
        sys.stdout.write(list_next_steps(report))
    return end(report | {"written": True}, settings, judges=not no_policies, as_json=as_json)


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


def _list_options(stack: str, answers: Answers) -> str:
    """Return the command that has these answers as its options."""
    return f"./bulwark init {shlex.join(['--stack', stack, *answers.list_options()])}"


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
