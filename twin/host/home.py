"""Where the twin keeps everything it owns: services, data, ports, secrets and the engine's private home."""

import fcntl
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "BULWARK_TWIN"
"""Names the twin's home for processes that the engine starts (the stand-in provider plugins)."""


def default_root(checkout: Path) -> Path:
    """
    Give each checkout a twin of its own, outside the checkout.

    PostgreSQL refuses to run as root, so as root the home must lie where an unprivileged user can reach it.
    """
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen)
    identity = f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:8]}"
    if os.geteuid() == 0:
        return Path("/var/lib/bulwark") / identity
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "bulwark" / identity


@dataclass(frozen=True)
class TwinHome:
    """One twin's folder. Paths are derived; ports and secrets are drawn once and remembered."""

    root: Path

    @classmethod
    def from_environment(cls) -> "TwinHome":
        """Find the home from inside a plugin or service process."""
        return cls(Path(os.environ[HOME_VARIABLE]))

    @property
    def vendors(self) -> Path:
        """The SQLite file that holds what exists at Neon, UptimeRobot and Sentry."""
        return self.root / "vendors.sqlite3"

    @property
    def aws(self) -> Path:
        """The AWS service's snapshot and object bodies."""
        return self.root / "aws"

    @property
    def files(self) -> Path:
        """The file store's buckets, a folder each."""
        return self.root / "files"

    @property
    def postgres(self) -> Path:
        """One folder per PostgreSQL cluster; readable by the unprivileged server user."""
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """One JSON file per running service: pid, start time, port."""
        return self.root / "run"

    @property
    def tls(self) -> Path:
        """The twin's own certificate authority and the certificates it signed."""
        return self.root / "tls"

    @property
    def pulumi(self) -> Path:
        """PULUMI_HOME with the stand-in plugins."""
        return self.root / "pulumi"

    @property
    def pulumi_real(self) -> Path:
        """PULUMI_HOME with the vendors' own plugins, and AWS's stand-in."""
        return self.root / "pulumi-real"

    @property
    def state(self) -> Path:
        """The file backend of the local stack."""
        return self.root / "state"

    def create(self) -> None:
        """Make the folders; everything but the clusters is private to the current user."""
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.postgres.mkdir(mode=0o711, exist_ok=True)
        for private in (
            self.aws,
            self.files,
            self.logs,
            self.run,
            self.tls,
            self.pulumi,
            self.pulumi_real,
            self.state,
        ):
            private.mkdir(mode=0o700, exist_ok=True)

    def port(self, name: str) -> int:
        """Return the loopback TCP port of `name`, drawn at the first call and then kept."""
        with self._remembered("ports.json") as ports:
            if name not in ports:
                ports[name] = _free_port(set(ports.values()))
            return int(ports[name])

    def secret(self, name: str) -> str:
        """Return the random token of `name`, drawn at the first call and then kept (file mode 0600)."""
        with self._remembered("secrets.json") as values:
            if name not in values:
                values[name] = secrets.token_hex(20)
            return str(values[name])

    @contextmanager
    def _remembered(self, filename: str) -> Generator[dict[str, str | int]]:
        """Read and, when changed, replace one small JSON file under a lock; never half-written."""
        path = self.root / filename
        with (self.root / f".{filename}.lock").open("w") as lock:
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


def _free_port(taken: set[str | int]) -> int:
    """Draw below the range that the kernel hands to outgoing connections, which could take the port later."""
    candidates = range(20_000, 32_000)
    while True:
        port = secrets.choice(candidates)
        with socket.socket() as probe:
            if port not in taken and probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
