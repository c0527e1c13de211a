"""The command line, as `python -m cli` in a checkout and as `bulwark` from a wheel."""

# ruff: noqa: E402 - imports make most of what a garbage collection would go through
from core.garbage_collection import collect_seldom

collect_seldom()

import json
import os
import sys
from typing import Final, NoReturn

from cyclopts import CycloptsError, UnusedCliTokensError

from cli.app import app
from core.failure import Failure
from toolchain.causes import explain_machine
from toolchain.step import end_on_sigterm

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as in a shell."""

_USAGE: Final = 2
"""Exit code of a call that can't be understood; cyclopts has the same."""


def main() -> None:
    """Run the command that the process's arguments name, and exit with its code."""
    end_on_sigterm()
    if not (sys.stdout.isatty() or sys.stderr.isatty()):
        # Without a terminal rich takes 80 columns, which are too few for the tables.
        os.environ.setdefault("COLUMNS", "120")
    try:
        app(exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _exit(_explain_call(error), code=_USAGE)
    except Failure as failure:
        _exit(failure)
    except OSError as error:
        if (failure := explain_machine(error)) is None:
            raise
        _exit(failure)
    except KeyboardInterrupt:
        _exit(
            Failure("Interrupted.", "the same command again, or `./bulwark status` to see what is there."),
            code=INTERRUPTED,
        )


def _explain_call(error: CycloptsError) -> Failure:
    """Return what is wrong with a call, and where its command is explained."""
    command = " ".join(error.command_chain or ())
    if isinstance(error, UnusedCliTokensError):
        tokens = ", ".join(error.unused_tokens or ())
        return Failure(
            f"`{command}` takes no argument {tokens}.", f"`./bulwark {command} --help` shows what it takes."
        )
    next_step = (
        f"`./bulwark {command} --help` shows what it takes." if command else "`./bulwark --help` lists them."
    )
    return Failure(str(error), next_step)


def _exit(failure: Failure, *, code: int = 1) -> NoReturn:
    """End with the message on standard error, and on standard output where JSON was asked for."""
    if "--json" in sys.argv[1:]:
        sys.stdout.write(f"{json.dumps({'exit_code': code, **failure.document()}, indent=2)}\n")
    sys.stdout.flush()
    sys.stderr.write(f"{failure}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
