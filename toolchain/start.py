"""From the launcher to the command: set up what is missing, then become the command."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import NoReturn

from core.failure import Failure
from toolchain.causes import explain
from toolchain.environment import ensure_environment
from toolchain.step import end_on_sigterm


def start(checkout: Path, arguments: list[str]) -> NoReturn:
    """Become `python -m cli` in the checkout's virtualenv; exits with 1 if that cannot be had."""
    end_on_sigterm()
    try:
        python = ensure_environment(checkout)
    except Failure as failure:
        sys.exit(str(failure))
    except OSError as error:
        sys.exit(str(explain("Setting up", str(error))))
    except KeyboardInterrupt:
        sys.exit("bulwark: interrupted; the next call takes it up again.")
    keep_compiled(os.environ, python)
    # -P: a folder named `cli` where the user happens to be is not the command.
    os.execve(python, [str(python), "-P", "-m", "cli", *arguments], os.environ)


def keep_compiled(environment: MutableMapping[str, str], python: Path) -> None:
    """
    Let the processes of this environment, which run a virtualenv's Python, keep what they compile.

    Container images forbid it, and every call would then compile the engine's SDK anew, for seconds. Their
    point, no compiled files among the sources, is kept.
    """
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment["PYTHONPYCACHEPREFIX"] = str(python.parent.parent / "bytecode")
