"""What `init` says of what it saw, of what is missing, and of what is next."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from cli.new_stack.inventory import Inventory
from components.secrets import TOKEN_VARIABLES, required_secrets
from components.settings import PROJECT, Problem, Settings
from core.failure import Failure
from core.text import printable
from engine import stack_file
from engine.vendor_errors import VENDORS

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


def describe_seen(seen: Inventory) -> str:
    """Return what the vendors show, and at which of them it is not known what there is."""
    counts = ", ".join(
        f"{count} {kind.removesuffix('s') if count == 1 else kind} at {VENDORS[vendor].title}"
        for (vendor, kind), count in ((key.split("_"), count) for key, count in seen.count().items())
    )
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
    return "".join(f"{line}\n" for line in lines)


def explain_problems(stack: str, problems: Sequence[Problem]) -> Failure:
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


def describe_stack(stack: str, settings: Settings, seen: Inventory) -> dict[str, Any]:
    """Return what the new stack needs and what it will take over."""
    return {
        "stack": stack,
        "file": stack_file.path_of(stack).name,
        "secrets": [f"{PROJECT}:{name}" for name in required_secrets(settings)],
        "tokens": [token for block, token in TOKEN_VARIABLES.items() if getattr(settings, block)],
        "seen": seen.count(),
        "unknown": dict(seen.unknown),
    }


def list_next_steps(report: dict[str, Any]) -> str:
    """Return what a person does before the first `up`."""
    stack = report["stack"]
    lines = [f"Wrote {report['file']}; it is yours to change."]
    if report["secrets"]:
        lines.append("Its secrets, each asked for at a prompt:")
        command = f"./bulwark pulumi config set --stack {stack} --secret"
        lines += [f"  {command} {name}" for name in report["secrets"]]
    if report["tokens"]:
        lines.append(f"Tokens in the environment of each deployment: {', '.join(report['tokens'])}")
        # Of a vendor with a token something may exist already.
        lines.append(
            f"`./bulwark adopt --stack {stack}` takes over what exists already, before the first `up`."
        )
    return "".join(f"{line}\n" for line in lines)
