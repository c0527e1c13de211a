"""Progress of a run: one changing line on a terminal, a structured line per event elsewhere."""

import time
from types import TracebackType
from typing import Any, Final, Self

from core.console import PrintableConsole, plain
from core.log import RunEvents

_EVERY_SECONDS: Final = 10.0
"""Seconds between two lines of a running piece of work, where there is no terminal."""


class RunLog:
    """
    One piece of work that a person may wait for.

    Off a terminal it logs `started`, every ten seconds `running`, and `done`, `failed` or `ended`.
    """

    def __init__(self, doing: str, **facts: Any) -> None:
        """`doing` is the line on a terminal; `facts` are in every line of the log."""
        console = PrintableConsole(stderr=True)
        self._doing = plain(doing)
        self._status = console.status(self._doing) if console.is_terminal else None
        self._log = RunEvents(**facts)

    def __enter__(self) -> Self:
        self._started_at = self._logged_at = time.monotonic()
        if self._status:
            self._status.start()
        else:
            self._log.info("started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
            return
        seconds = round(self.seconds, 1)
        if kind is None:
            self._log.info("done", seconds=seconds)
        elif issubclass(kind, Exception):
            self._log.error("failed", seconds=seconds)
        else:
            self._log.error("ended", seconds=seconds, by=kind.__name__)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def progress(self, shown: str, **facts: Any) -> None:
        """Report progress: `shown` on a terminal, `facts` in the log."""
        if self._status:
            self._status.update(f"{self._doing}: {plain(shown)}")
        elif time.monotonic() - self._logged_at >= _EVERY_SECONDS:
            self._logged_at = time.monotonic()
            self._log.info("running", **facts)
