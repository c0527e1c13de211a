"""
Runs a program that handles what others wrote as another user, in namespaces of its own.

Linux alone has namespaces. They need the right of root or of user namespaces, which some systems withhold
from ordinary users (Ubuntu since 23.10: kernel.apparmor_restrict_unprivileged_userns).
"""

import ctypes
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from core.failure import Failure

SYSTEM_FOLDERS: Final = tuple(
    map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"))
)
"""Where programs and libraries of the system are."""

SYSTEM_FILES: Final = tuple(
    Path("/etc", name)
    for name in ("passwd", "group", "nsswitch.conf", "localtime", "ld.so.cache", "alternatives")
)
"""What programs need to know of the system; no secret is in them."""

_LAUNCHER: Final = Path(__file__).with_name("sandbox_launcher.py")
_SET_DUMPABLE: Final = 4
_PROBE_SECONDS: Final = 30


class SystemUser(NamedTuple):
    """A user of this machine."""

    user: int
    group: int


@dataclass(frozen=True)
class Isolation:
    """What separates a program from whoever starts it."""

    account: SystemUser | None
    """Another user than the caller; None where the caller may not change users."""

    namespaces: bool
    """Whether it has processes, files and, on demand, a network of its own."""

    @property
    def is_any(self) -> bool:
        return self.account is not None or self.namespaces


@dataclass(frozen=True)
class Sandbox:
    """What a program may reach, if it has namespaces. Without them the rights of its user decide."""

    isolation: Isolation
    readable: Sequence[Path]
    writable: Sequence[Path] = ()
    own_network: bool = True
    """Whether it reaches no network, not even this machine's loopback; else it has the caller's."""


class SandboxedProcess:
    """A running program. It ends with this process, unless it was let go."""

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int) -> None:
        self.process = process
        self._lifeline = lifeline

    def let_go(self) -> None:
        """Let the program outlive this process."""
        os.write(self._lifeline, b"k")
        self.process.wait()  # the launcher's end; it leaves the program alone
        os.close(self._lifeline)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and its group; the launcher and what leads the sandbox ignore it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self) -> None:
        """Kill the program and, if it has namespaces, all that it started; wait for its end."""
        with suppress(OSError):
            os.close(self._lifeline)
        self.process.wait()


def find_isolation(account: SystemUser | None = None) -> Isolation:
    """Return how a program can be separated here. Root gives the account that it is to run as."""
    return Isolation(account if os.geteuid() == 0 else None, _has_namespaces())


def require_isolation(isolation: Isolation, *, unsandboxed: bool) -> None:
    """Raise Failure where nothing separates a restored dump from the caller, unless that is accepted."""
    if not (isolation.is_any or unsandboxed):
        raise Failure(
            "What is restored can hold programs of whoever wrote it, and nothing on this machine separates "
            "them from your files and credentials: you may neither change users nor make namespaces.",
            "allow user namespaces (Ubuntu: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0), "
            "run this as root, or add --unsandboxed if you trust everybody who could write to the vault.",
        )


def start(
    command: Sequence[str | Path],
    sandbox: Sandbox,
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> SandboxedProcess:
    """
    Start a program with exactly this environment, in a session of its own.

    It ends when this process ends, however that happens. From now on no other process of the same user can
    read this one's memory or environment, either.

    Args:
        command: the program and its arguments, which everybody on this machine can read.
        sandbox: what it may reach.
        environment: all of its variables.
        folder: its working folder, which it must be able to reach.
        output: where its output and its errors go.
    """
    hide_process()
    watched, lifeline = os.pipe()
    try:
        return SandboxedProcess(
            subprocess.Popen(
                _launcher_command(command, sandbox, folder, watched),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(watched,),
                start_new_session=True,
            ),
            lifeline,
        )
    finally:
        os.close(watched)


def hide_process() -> None:
    """Close this process's memory and /proc entries, with its environment, to others of the same user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def _launcher_command(
    command: Sequence[str | Path], sandbox: Sandbox, folder: Path, lifeline: int
) -> list[str]:
    account = sandbox.isolation.account
    spec = {
        "command": [str(part) for part in command],
        "folder": str(folder),
        "namespaces": sandbox.isolation.namespaces,
        "own_network": sandbox.own_network,
        "readable": [str(path) for path in sandbox.readable],
        "writable": [str(path) for path in sandbox.writable],
        "user": account.user if account else None,
        "group": account.group if account else None,
        "lifeline": lifeline,
    }
    # Isolated and without packages: nothing of this project is needed, and it starts fast.
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(spec)]


@functools.cache
def _has_namespaces() -> bool:
    if sys.platform != "linux":
        return False
    sandbox = Sandbox(Isolation(None, namespaces=True), SYSTEM_FOLDERS)
    watched, lifeline = os.pipe()
    try:
        probe = subprocess.run(
            _launcher_command([], sandbox, Path("/"), watched),
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(watched,),
            check=False,
            timeout=_PROBE_SECONDS,
        )
    finally:
        os.close(watched)
        os.close(lifeline)
    return probe.returncode == 0
