"""What a host hands to the program that it runs: a file per port of this machine, as it would a container."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from twin.host.home import TwinHome


@dataclass(frozen=True)
class DeployedService:
    """The deployment that a host has active on a port."""

    host: str
    """Vendor, such as railway."""

    deployment: str
    commit: str
    starts: bool
    """Whether the program of this deployment starts; in place of one that doesn't the host answers 502."""

    variables: dict[str, str] = field(repr=False)
    """Environment variables that the deployment was made with."""

    @classmethod
    def read(cls, home: TwinHome, port: int) -> Self | None:
        """Return what runs on a port; None if no host has a service there."""
        try:
            return cls(**json.loads(_file(home, port).read_text()))
        except FileNotFoundError:
            return None

    def write(self, home: TwinHome, port: int) -> None:
        """Let it run on a port from now on, in place of what runs there."""
        file = _file(home, port)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(file)


def list_deployed(home: TwinHome) -> list[DeployedService]:
    """Return what the hosts run, in the order of the ports."""
    ports = sorted(int(file.stem) for file in _folder(home).glob("*.json"))
    return [found for port in ports if (found := DeployedService.read(home, port))]


def _file(home: TwinHome, port: int) -> Path:
    return _folder(home) / f"{port}.json"


def _folder(home: TwinHome) -> Path:
    return home.root / "hosts"
