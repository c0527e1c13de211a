"""A deployed local stack that tests may break, if they mend it; on its twin a minute takes a second."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from deployment import name_of
from installations import Finished, Installation, make_installation, remove

SPEED = 60
_SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Living:
    """The installation, what its first `up` printed, and the arguments of all that ran meanwhile."""

    installation: Installation
    first: Finished
    arguments: set[str]

    def bulwark(self, *arguments: str) -> Finished:
        return self.installation.bulwark(*arguments, BULWARK_TWIN_SPEED=str(SPEED))

    def output(self, name: str) -> Any:
        """Return an output of the stack, in clear."""
        return self.installation.bulwark("outputs", "--json", "--show-secrets").json[name]

    def resource(self, name: str) -> dict[str, Any]:
        return next(one for one in self.installation.resources() if name_of(one["urn"]) == name)


def living_stack(folder: Path) -> Iterator[Living]:
    """
    Deploy; the drill is declared to run every five minutes, so that its absence shows in seconds.

    No maintenance falls on today: it would silence the alerts.
    """
    installation = make_installation(folder)
    installation.edit(
        "Pulumi.local.yaml",
        '{ schedule: "23 4 * * 6", longest_run_minutes: 60, lateness_minutes: 180 }',
        '{ schedule: "*/5 * * * *", longest_run_minutes: 1, lateness_minutes: 1 }',
    )
    installation.edit("Pulumi.local.yaml", "weekday: 7", f"weekday: {datetime.now(UTC).isoweekday() % 7 + 1}")
    try:
        with _sampled() as arguments:
            first = installation.bulwark("up", BULWARK_TWIN_SPEED=str(SPEED))
        assert first.code == 0, first.text[-4_000:]
        yield Living(installation, first, arguments)
    finally:
        remove(installation)


@contextmanager
def _sampled() -> Generator[set[str]]:
    """Collect the command lines of all processes, again and again."""
    seen: set[str] = set()
    stopping = threading.Event()

    def sample() -> None:
        while not stopping.wait(_SAMPLE_SECONDS):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    seen.add(" ".join(process.cmdline()))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield seen
    finally:
        stopping.set()
        sampler.join()
