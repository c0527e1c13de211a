"""
Has a warm Python (warm_server.py) run a plugin or a policy pack that this new Python was started for.

Each installation has a copy as `sitecustomize.py`, whose last line is the call (warm_python.py). This process
stays, with its arguments, its environment and its place among the engine's processes: it passes signals on to
the program and ends as it does, and the program is killed with it.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from types import FrameType

_PROGRAMS = frozenset(
    ("toolchain.sdk_process", "twin.aws.provider", "twin.bridge_plugin", "twin.pagerduty_plugin")
)
"""Modules whose libraries the server has imported."""

_READ_AT_START = ("PYTHON", "LD_", "MALLOC_")
"""Begins of the names of variables that a process reads before it runs any program."""

_GIVEN_LATER = frozenset(("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"))
"""What the server gives a program, and where bytecode is kept."""


def select_read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a Python which runs already can't be given."""
    return {
        name: value
        for name, value in environment.items()
        if (name.startswith(_READ_AT_START) and name not in _GIVEN_LATER) or _is_other_encoding(name, value)
    }


def _is_other_encoding(name: str, value: str) -> bool:
    """Tell whether Python would not write UTF-8, as it does in the locales C and POSIX too (PEP 538)."""
    is_locale = name == "LANG" or name.startswith("LC_")
    return is_locale and value not in {"", "C", "POSIX"} and not value.upper().endswith(("UTF-8", "UTF8"))


def hand_over(address: str, read_at_start: dict[str, str]) -> None:
    """
    Have the server at `address` run the program, and end with its exit code.

    This process goes on and runs it itself where it is another program, where the server has ended, and where
    the server's Python has read other variables at its start.
    """
    options, _, words = " ".join(sys.orig_argv[1:5]).partition("-m ")
    given = set(options.split())
    if not given <= {"-P", "-u"} or words.partition(" ")[0] not in _PROGRAMS:
        return
    if select_read_at_start(os.environ) != read_at_start:
        return
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return
        answers, answer = os.pipe()
        body = json.dumps(
            {
                "arguments": ["-P", *sys.orig_argv[1 + len(given) :]],
                "environment": {**os.environ, **({"PYTHONUNBUFFERED": "1"} if "-u" in given else {})},
                "folder": os.getcwd(),  # noqa: PTH109 - nothing imports pathlib yet
                "imports_from_folder": "-P" not in given,
            }
        ).encode()
        socket.send_fds(connection, [len(body).to_bytes(4, "big")], [0, 1, 2, answer])
        connection.sendall(body)
    for file in (0, 1, 2, answer):
        os.close(file)  # whoever reads the program's output sees when it has ended
    _end_with(answers)


def _end_with(answers: int) -> None:
    with os.fdopen(answers) as lines:
        pid = int(lines.readline())

        def pass_on(number: int, _: FrameType | None) -> None:
            os.kill(pid, number)

        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        code = int(lines.readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
