"""Ctrl-C ends a command with a next step, and without a traceback."""

import os
import select
import signal
import subprocess
import sys
import time

_PATIENCE_SECONDS = 60


def test_ctrl_c_at_a_question_says_what_is_next() -> None:
    person, terminal = os.openpty()
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "init"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
    ) as asking:
        try:
            os.close(terminal)
            shown, deadline = "", time.monotonic() + _PATIENCE_SECONDS
            while asking.poll() is None and time.monotonic() < deadline:
                if select.select([person], [], [], 0.1)[0]:
                    shown += _read(person)
                if "[production]:" in shown and "Interrupted" not in shown:
                    asking.send_signal(signal.SIGINT)
            shown += _read(person)
        finally:
            asking.kill()
            os.close(person)
    assert asking.returncode == 130, shown
    assert "bulwark: Interrupted." in shown
    assert "Next: the same command again" in shown
    assert "Traceback" not in shown


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError:  # the command has ended
        return ""
