"""Set up what is missing in the checkout, then run the command line in its virtualenv."""

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
    """Replace this process by `python -m cli` in the checkout's virtualenv; exit with 1 if setup fails."""
    end_on_sigterm()
    try:
        python = ensure_environment(checkout)
    except Failure as failure:
        sys.exit(str(failure))
    except OSError as error:
        sys.exit(str(explain("Setting up", str(error))))
    except KeyboardInterrupt:
        sys.exit("bulwark: interrupted; the next call takes it up again.")
    os.environ.pop("PYTHONHOME", None)  # of the Python that runs this, and not of the virtualenv's
    keep_bytecode(os.environ, python)
    # -P: Python must not import a folder `cli` from the working directory.
    os.execve(python, [str(python), "-P", "-m", "cli", *arguments], os.environ)


def keep_bytecode(environment: MutableMapping[str, str], python: Path) -> None:
    """
    Let processes with this environment, which run `python`, keep their bytecode.

    Container images set PYTHONDONTWRITEBYTECODE, so that each call would compile Pulumi's SDK again, for
    seconds. The bytecode goes into the virtualenv instead, so none lies among the sources.
    """
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment["PYTHONPYCACHEPREFIX"] = str(python.parent.parent / "bytecode")
