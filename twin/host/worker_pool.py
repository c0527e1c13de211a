"""Threads that each do one keyed piece of work; a key that is under way is not taken up a second time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

_STOP_SECONDS = 2.0
_log = structlog.get_logger()


class WorkerPool:
    """A bounded number of workers; what breaks off is logged, and its key is free again."""

    def __init__(self, name: str, *, size: int) -> None:
        self.stopping = threading.Event()
        """Set when the work should come to an end."""
        self.under_way: set[str] = set()
        self._name = name
        self._workers = ThreadPoolExecutor(size, name)

    def submit(self, key: str, work: Callable[[], None]) -> None:
        """Do `work` soon, unless the same key is under way or everything is ending."""
        if key in self.under_way or self.stopping.is_set():
            return
        self.under_way.add(key)
        self._workers.submit(self._guarded, key, work)

    def stop(self) -> None:
        """End, leaving what takes longer than a moment to the next process."""
        self.stopping.set()
        self._workers.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.under_way and time.monotonic() < deadline:
            time.sleep(0.02)

    def _guarded(self, key: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - it is logged, and the next tick tries again
            _log.exception("a piece of work broke off", crew=self._name, key=key)
        finally:
            self.under_way.discard(key)
