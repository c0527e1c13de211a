"""What several threads want to know and one finds out."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedResult(Generic[T]):
    """The result of a function that is called once, by the first that asks; an error is everybody's."""

    def __init__(self, find: Callable[[], T]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._found: list[T] = []
        self._error: Exception | None = None

    def result(self) -> T:
        """Return the result, or raise what the function raised."""
        with self._lock:
            if self._error:
                raise self._error
            if not self._found:
                try:
                    self._found.append(self._find())
                except Exception as error:
                    self._error = error
                    raise
            return self._found[0]
