"""Work on many things at once, without ever holding more than a few of them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

AT_ONCE: Final = 16
"""Requests that run at once; as many connections as a client keeps."""

_WAITING: Final = 8 * AT_ONCE
_T = TypeVar("_T")
_R = TypeVar("_R")


def spread(work: Callable[[_T], _R], things: Iterable[_T], at_once: int = AT_ONCE) -> Iterator[_R]:
    """Yield the result for each thing, in order; the first one that fails ends it, and what has not begun."""
    flying: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(at_once, "spread") as pool:
        try:
            for thing in things:
                if len(flying) >= _WAITING:
                    yield flying.popleft().result()
                flying.append(pool.submit(work, thing))
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
