"""The folder outside a checkout with its state: PostgreSQL servers, drawn ports and secrets, the twin."""

import fcntl
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from typing import Final, Self

from core.failure import Failure
from core.lock_file import open_lock_file

HOME_VARIABLE: Final = "BULWARK_TWIN"
"""Environment variable that names the folder. The services and the stand-in plugins read it as well."""


_NAME: Final = "bulwark"
"""The folder above those of all checkouts."""

_PORTS: Final = range(20_000, 32_000)


def default_root(checkout: Path) -> Path:
    """
    Return the folder of a checkout: the one that HOME_VARIABLE names, or one in the user's state directory.

    PostgreSQL refuses to run as root, so root's folder lies where an unprivileged user can reach it.
    """
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    return _above_all() / f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:8]}"


def _above_all() -> Path:
    """Return the folder above those of all the user's checkouts whose folder is not chosen."""
    if os.geteuid() == 0:
        return Path("/var/lib") / _NAME
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / _NAME


@dataclass(frozen=True)
class StateFolder:
    """Paths below `root`, and values that are drawn once and then stored there."""

    root: Path

    @classmethod
    def from_environment(cls) -> Self:
        """Return the folder that HOME_VARIABLE names. Raise KeyError without it."""
        return cls(Path(os.environ[HOME_VARIABLE]))

    @property
    def postgres(self) -> Path:
        """The folder of the PostgreSQL clusters, which the unprivileged server user can reach."""
        return self.root / "postgres"

    @property
    def run(self) -> Path:
        """The folder with one file per running service or server, private to the current user."""
        return self.root / "run"

    def create(self) -> None:
        """
        Create the folders. All but that of the clusters are private to the current user.

        The server's user passes through the folders above, and nobody else can list them.
        """
        above = self.root.parent
        if not above.exists():
            above.parent.mkdir(parents=True, exist_ok=True)
            above.mkdir(mode=0o711, exist_ok=True)
        elif above.name == _NAME and above.stat().st_uid == os.geteuid():
            above.chmod(S_IMODE(above.stat().st_mode) & 0o711)  # an older version let everybody list it
        self.root.mkdir(mode=0o711, exist_ok=True)
        self.postgres.mkdir(mode=0o711, exist_ok=True)
        self.run.mkdir(mode=0o700, exist_ok=True)

    def port(self, name: str) -> int:
        """Return the loopback TCP port of `name`. The first call draws it; no other folder has the same."""
        with _remember(self.root, "ports.json") as ports:
            if name not in ports:
                with _remember_drawn_ports() as drawn:
                    port = _find_free_port({*ports.values(), *map(int, drawn)})
                    ports[name], drawn[str(port)] = port, str(self.root)
            return int(ports[name])

    def secret(self, name: str, draw: Callable[[], str] = lambda: secrets.token_hex(20)) -> str:
        """Return the random token of `name`, from a file with mode 0600. The first call draws it."""
        with _remember(self.root, "secrets.json") as values:
            if name not in values:
                values[name] = draw()
            return str(values[name])


@contextmanager
def _remember(folder: Path, filename: str) -> Generator[dict[str, str | int]]:
    """
    Yield the values of a JSON file under a lock, and replace the file if they have changed.

    The file is written beside it and renamed, so that it is always complete.
    """
    path = folder / filename
    with open_lock_file(folder / f".{filename}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text() if path.exists() else "{}"
        values = json.loads(before)
        yield values
        after = json.dumps(values, indent=2)
        if after != before:
            partial = path.with_suffix(".partial")
            partial.touch(mode=0o600)
            partial.write_text(after)
            partial.replace(path)


@contextmanager
def _remember_drawn_ports() -> Generator[dict[str, str | int]]:
    """
    Yield the user's drawn ports with the folder of each, without those whose folder is gone.

    A port is free until its service listens, so that another checkout could draw it, too.
    """
    above = _above_all()
    try:
        above.mkdir(mode=0o711, parents=True, exist_ok=True)
        writable = os.access(above, os.W_OK)
    except OSError:
        writable = False
    if not writable:  # the folder of this checkout is chosen, and the user has no other
        yield {}
        return
    with _remember(above, ".ports.json") as drawn:
        for port in [port for port, root in drawn.items() if not Path(str(root)).exists()]:
            del drawn[port]
        yield drawn


def _find_free_port(taken: set[str | int]) -> int:
    """
    Return a free port below the range of outgoing connections, which could take the port later.

    Raises:
        Failure: none is left.
    """
    candidates = [port for port in _PORTS if port not in taken]
    while candidates:
        port = candidates.pop(secrets.randbelow(len(candidates)))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise Failure(
        f"No port between {_PORTS.start} and {_PORTS[-1]} is left.",
        f"remove the folders of checkouts that you no longer have from {_above_all()}.",
    )
