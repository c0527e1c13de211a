"""A thread pool for keyed work: while the work of a key runs, further work with that key is skipped."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

_STOP_SECONDS = 2.0
_log = structlog.get_logger()


class WorkerPool:
    """At most `size` threads. An exception is logged; then the key can be submitted again."""

    def __init__(self, name: str, *, size: int) -> None:
        self.stopping = threading.Event()
        """Set when running work should end."""
        self.active_keys: set[str] = set()
        self._name = name
        self._executor = ThreadPoolExecutor(size, name)

    def submit(self, key: str, work: Callable[[], None]) -> None:
        """Run `work` in a thread, unless work with the same key is running or the pool is stopping."""
        if key in self.active_keys or self.stopping.is_set():
            return
        self.active_keys.add(key)
        self._executor.submit(self._run, key, work)

    def stop(self) -> None:
        """Cancel waiting work, and wait at most two seconds for running work."""
        self.stopping.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.active_keys and time.monotonic() < deadline:
            time.sleep(0.02)

    def _run(self, key: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - it is logged, and the next tick submits the key again
            _log.exception("work failed", pool=self._name, key=key)
        finally:
            self.active_keys.discard(key)
