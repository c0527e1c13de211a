"""A deployed local stack that tests may break and must repair; on its twin a minute takes a second."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import yaml
from deployment import name_of
from installations import CommandResult, Installation, make_installation, remove

from twin.vendor.inbox import RECEIVED
from twin.vendor.store import VendorStore

SPEED = 60
_SAMPLE_SECONDS = 0.05
_LOOKS = 40
"""At each process: all processes of the machine, at each sample, would take a quarter of a processor."""


@dataclass(frozen=True)
class FastTwin:
    """The installation, its first `up`, and what was seen of it."""

    installation: Installation
    first_up: CommandResult
    command_lines: set[str]
    """Of all processes that ran meanwhile."""

    alerts: tuple[Any, ...]
    """Messages that the alert channels had received at its end."""

    def bulwark(self, *arguments: str, **variables: str) -> CommandResult:
        speed = {"BULWARK_TWIN_SPEED": str(SPEED)}
        return self.installation.bulwark(*arguments, timeout_seconds=180, **speed, **variables)

    def reading_tokens(self) -> dict[str, str]:
        """Return the tokens of a plan, which only read at the vendors that have such, by variable."""
        home = self.installation.home
        return {
            name: home.secret(f"{name}_READ_ONLY") for name in ("UPTIMEROBOT_API_KEY", "SENTRY_AUTH_TOKEN")
        }

    def output(self, name: str) -> Any:
        """Return an output of the stack, in clear."""
        return self.installation.bulwark("outputs", "--json", "--show-secrets").json[name]

    def resource(self, name: str) -> dict[str, Any]:
        return next(
            resource for resource in self.installation.resources() if name_of(resource["urn"]) == name
        )


def find_host(fast_twin: FastTwin, service: str) -> tuple[str, str]:
    """Return the ids of a service at Railway and of its environment."""
    settings = yaml.safe_load((fast_twin.installation.folder / "Pulumi.local.yaml").read_text())
    host = settings["config"]["bulwark:services"][service]["host"]
    return host["service"], host["environment"]


def deploy_fast_twin(folder: Path) -> Iterator[FastTwin]:
    """
    Deploy with a drill every five minutes, so that a missing drill shows in seconds.

    The maintenance window is not today: it would silence the alerts.
    """
    installation = make_installation(folder)
    installation.edit(
        "Pulumi.local.yaml",
        '{ schedule: "23 4 * * 6", longest_run_minutes: 60, lateness_minutes: 180 }',
        '{ schedule: "*/5 * * * *", longest_run_minutes: 1, lateness_minutes: 1 }',
    )
    installation.edit("Pulumi.local.yaml", "weekday: 7", f"weekday: {datetime.now(UTC).isoweekday() % 7 + 1}")
    try:
        with _sample_command_lines() as arguments:
            first = installation.bulwark("up", BULWARK_TWIN_SPEED=str(SPEED))
        assert first.code == 0, first.text[-4_000:]
        with closing(VendorStore(installation.home.vendors)) as store:
            alerts = tuple(entry.content for entry in store.read_log(RECEIVED))
        yield FastTwin(installation, first, arguments, alerts)
    finally:
        remove(installation)


@contextmanager
def _sample_command_lines() -> Generator[set[str]]:
    """Collect the command lines of all processes that start while the context lasts."""
    seen: set[str] = set()
    looked_at = dict.fromkeys(psutil.pids(), _LOOKS)
    find = cache(psutil.Process)
    stopping = threading.Event()

    def sample() -> None:
        while not stopping.wait(_SAMPLE_SECONDS):
            for process in psutil.pids():
                # It has the command line of the process that forked it until it has executed its program.
                looks = looked_at.get(process, 0)
                if looks < _LOOKS:
                    looked_at[process] = looks + 1
                    with suppress(psutil.Error):
                        seen.add(" ".join(find(process).cmdline()))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield seen
    finally:
        stopping.set()
        sampler.join()
