"""`./bulwark pulumi`: the CLI that Bulwark uses, in a stack's environment."""

import os
import sys
from typing import Annotated, Final, NoReturn

from cyclopts import Parameter

from cli.options import AdministratorOption, TwinOption
from core.console import PrintableConsole
from engine.program import ADMINISTRATOR, PLATFORM
from engine.stack_target import StackTarget
from engine.targets import find_target
from toolchain.engine import ensure_cli, search_path
from toolchain.providers import needs_checked_cli

_NAMED_BY_POSITION: Final = frozenset(("init", "rm", "select"))
"""Of the CLI's command `stack` those whose argument is a stack."""

_CALLING_VENDORS: Final = frozenset(("destroy", "import", "preview", "refresh", "up", "watch"))
_RUNNING_A_PROGRAM: Final = frozenset(("preview", "up", "watch"))


def pulumi(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    on_twin: TwinOption = False,
    administrator: AdministratorOption = False,
) -> NoReturn:
    """
    Run the Pulumi CLI that Bulwark uses, with the backend, passphrase and PATH of the stack that is named.

    All arguments are the CLI's own, but the two options below. Without `--stack` it is called without the
    environment of a stack, as for `login`. Its files are relative to the program's folder.

    Args:
        arguments: A command of the CLI, such as `stack export --stack prod`.
        on_twin: The stack is what another stack's programs made on the twin.
        administrator: Work on the administrator's stack instead of the platform's.
    """
    program = ADMINISTRATOR if administrator else PLATFORM
    command = next((word for word in arguments if not word.startswith("-")), "")
    folder = program.folder
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if stack := find_stack_name(arguments):
        target = find_target(stack, on_twin=on_twin)
        if command in _CALLING_VENDORS:
            target.prepare(PrintableConsole(stderr=True), runs_program=False)
        environment |= _environment_of(target, command)
        if command not in _RUNNING_A_PROGRAM:
            folder = target.workspace(program)
    else:
        environment |= {"PATH": search_path(checked=needs_checked_cli())}
    cli = ensure_cli(checked=needs_checked_cli())
    sys.stdout.flush()
    os.chdir(folder)
    os.execve(cli, [str(cli), *arguments], environment)


def _environment_of(target: StackTarget, command: str) -> dict[str, str]:
    plugins = target.plugin_environment() if command in _CALLING_VENDORS else {}
    return {**plugins, **target.engine_environment()}


def find_stack_name(arguments: tuple[str, ...]) -> str:
    """Return the stack that the CLI's arguments name; empty if they name none."""
    for position, word in enumerate(arguments):
        name, separator, value = word.partition("=")
        if name in {"--stack", "-s"}:
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            return _plain(value if separator else following)
    words = [word for word in arguments if not word.startswith("-")]
    if len(words) > 2 and words[0] == "stack" and words[1] in _NAMED_BY_POSITION:
        return _plain(words[2])
    return ""


def _plain(stack: str) -> str:
    """Return a stack's name without its organization and project."""
    return stack.rsplit("/", 1)[-1]
