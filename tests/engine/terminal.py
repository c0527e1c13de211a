"""A terminal of 80x24 in which a command runs, and what stands on its screen at the end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROWS, COLUMNS = 24, 80
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


@dataclass(frozen=True)
class Screen:
    """What a command left on the terminal."""

    code: int
    rows: list[str]
    """The last ROWS rows, wrapped as the terminal wraps them."""

    @property
    def text(self) -> str:
        return "\n".join(self.rows)


def run_in_terminal(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], typed: str = ""
) -> Screen:
    """Run a command to its end; `typed` is what a person types."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    size = {"COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, **size},
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        start_new_session=True,
    ) as process:
        os.close(secondary)
        os.write(primary, typed.encode())
        output = bytearray()
        while True:
            try:
                part = os.read(primary, 65_536)
            except OSError:  # EIO: the last writer has ended
                break
            if not part:
                break
            output += part
        code = process.wait(60)
    os.close(primary)
    lines = _CONTROL.sub("", output.decode(errors="replace")).rstrip("\n").split("\n")
    rows = [line[start : start + COLUMNS] for line in lines for start in range(0, max(len(line), 1), COLUMNS)]
    return Screen(code, rows[-ROWS:])
