"""Times a recovery from the moment at which the incident was declared."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from recovery.drill.evidence import Phase

Told = Callable[[str], None]


class Clock:
    """Runs from its making, monotonic: setting the machine's clock changes no result."""

    def __init__(self, told: Told = lambda _: None) -> None:
        """`told` is called with each phase's name as it begins."""
        self.declared = datetime.now(UTC)
        self.phases: list[Phase] = []
        self._began = time.monotonic()
        self._told = told

    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Time a step; one that fails is in the list too."""
        self._told(name)
        started, offset = datetime.now(UTC), self.seconds()
        try:
            yield
        finally:
            taken = self.seconds() - offset
            self.phases.append(Phase(name=name, started=started, offset_seconds=offset, seconds=taken))
