"""Child processes that end with the process that started them, however that ends."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PROGRAM: Final = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGTERM)})
if os.getppid() == int(sys.argv[1]):
    try:
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{{sys.argv[2]}} cannot be run: {{error.strerror}}")
"""


def link_to_parent(argv: Sequence[bytes | str | Path]) -> list[bytes]:
    """
    Return the arguments of a process that runs `argv` and gets SIGTERM when its parent has ended.

    The signal comes when the thread that starts the process ends. The link is made by a short Python program
    that then becomes `argv`: code between fork and exec is not safe in a process with threads.
    Outside of Linux there is no such signal, and `argv` is returned.
    """
    arguments = [os.fsencode(argument) for argument in argv]
    if sys.platform != "linux" or not sys.executable:
        return arguments
    prefix = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid())]
    return [*map(os.fsencode, prefix), *arguments]
