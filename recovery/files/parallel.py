"""Work in threads: a request for each of many objects, and several listings at a time."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from queue import Full, Queue
from typing import Final, Generic, TypeVar

WORKERS: Final = 16
"""Requests that run in parallel: as many as a client keeps connections."""

_MAX_PENDING: Final = 8 * WORKERS
_BATCH_ITEMS: Final = 1000
"""As many as a page of a listing has."""

_MAX_BATCHES: Final = 8
"""Batches of a stream in memory."""

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
    """An iterable that a thread reads ahead, in batches; who reads it gets the exception of the iterable."""

    def __init__(self, items: Iterable[_T]) -> None:
        self._items = iter(items)
        self._queue: Queue[list[_T] | BaseException] = Queue(_MAX_BATCHES)
        self._closed = threading.Event()
        # A daemon thread, because a request that no one waits for must not delay the end of the process.
        threading.Thread(target=self._read, name="stream", daemon=True).start()

    def items(self) -> Iterator[_T]:
        """Yield the items in order."""
        return chain.from_iterable(self._batches())

    def _batches(self) -> Generator[list[_T]]:
        """Yield the batches in order; the end of the generator ends the thread after its current batch."""
        try:
            while batch := self._queue.get():
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            self.close()

    def close(self) -> None:
        """Let the thread end, whether or not all was read."""
        self._closed.set()

    def _read(self) -> None:
        try:
            while batch := list(islice(self._items, _BATCH_ITEMS)):
                if not self._put(batch):
                    return
            self._put([])
        except BaseException as error:  # noqa: BLE001 - `batches` raises it
            self._put(error)

    def _put(self, batch: list[_T] | BaseException) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(batch, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False
