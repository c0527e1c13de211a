"""Work in threads: a request for each of many objects, and several listings at a time."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Full, Queue
from typing import Final, Generic, TypeVar

WORKERS: Final = 16
"""Requests that run in parallel: as many as a client keeps connections."""

_MAX_PENDING: Final = 8 * WORKERS
_MAX_AHEAD: Final = 8
"""Items of a stream in memory; those of a listing are its pages."""

_POLL_SECONDS: Final = 0.5
_T = TypeVar("_T")
_R = TypeVar("_R")


def bounded_map(work: Callable[[_T], _R], items: Iterable[_T], workers: int = WORKERS) -> Iterator[_R]:
    """
    Yield the result of `work` for each item, in order, working in parallel and reading few items ahead.

    The first exception is raised, and items that have not begun are dropped.
    """
    pending: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(workers, "bounded-map") as pool:
        try:
            for item in items:
                if len(pending) >= _MAX_PENDING:
                    yield pending.popleft().result()
                pending.append(pool.submit(work, item))
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class Stream(Generic[_T]):
    """An iterable that a thread reads ahead; who reads it gets the exception of the iterable."""

    def __init__(self, items: Iterable[_T]) -> None:
        self._items = iter(items)
        self._queue: Queue[_T | _End] = Queue(_MAX_AHEAD)
        self._closed = threading.Event()
        # A daemon thread, because a request that no one waits for must not delay the end of the process.
        threading.Thread(target=self._read, name="stream", daemon=True).start()

    def items(self) -> Generator[_T]:
        """Yield the items in order; the end of the generator ends the thread after its current item."""
        try:
            while not isinstance(item := self._queue.get(), _End):
                yield item
            if item.error:
                raise item.error
        finally:
            self.close()

    def close(self) -> None:
        """Let the thread end, whether or not all was read."""
        self._closed.set()

    def _read(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(_End(None))
        except BaseException as error:  # noqa: BLE001 - `items` raises it
            self._put(_End(error))

    def _put(self, item: "_T | _End") -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False


@dataclass(frozen=True)
class _End:
    """What follows the last item of a stream."""

    error: BaseException | None
