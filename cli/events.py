"""What a run tells on its way: on a terminal one line that changes, elsewhere a structured line per event."""

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

import structlog
from rich.console import Console

_EVERY_SECONDS: Final = 10.0
"""Between two lines of a run that goes on, where there is no terminal."""


def configure() -> None:
    """Send what the libraries of this project log to standard error, where no result is."""
    terminal = sys.stderr.isatty()
    last = (
        structlog.dev.ConsoleRenderer()
        if terminal
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class RunLog:
    """
    One piece of work that a person may wait for.

    Off a terminal it logs `started`, every ten seconds `running`, and `done`, `failed` or `ended`.
    """

    def __init__(self, doing: str, **facts: Any) -> None:
        """`doing` is what a terminal shows, `facts` are in every line elsewhere."""
        configure()
        console = Console(stderr=True)
        self._status = console.status(doing) if console.is_terminal else None
        self._doing = doing
        self._log = structlog.get_logger().bind(**facts)

    def __enter__(self) -> Self:
        self._began = self._told = time.monotonic()
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
        """Since it began."""
        return time.monotonic() - self._began

    def at(self, shown: str, **facts: Any) -> None:
        """Tell where it is: `shown` on a terminal, `facts` elsewhere."""
        if self._status:
            self._status.update(f"{self._doing}: {shown}")
        elif time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            self._log.info("running", **facts)
