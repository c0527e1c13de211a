"""Asks independent questions at the same time, each with a time limit: who does not answer delays nobody."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from typing import Generic, TypeVar

from core.failure import Failure, split_failure
from status.health import Answer

T = TypeVar("T")


class Question(Generic[T]):
    """One question, which a thread of its own asks from now on."""

    def __init__(self, title: str, ask: Callable[[], T], *, limit_seconds: float) -> None:
        """
        Begin to ask.

        Args:
            title: Who is asked, such as `the primary vault`.
            ask: Returns the answer. Raises Failure where there is none.
            limit_seconds: How long the answer may take from now on.
        """
        self.title, self._limit_seconds = title, limit_seconds
        self._ends = time.monotonic() + limit_seconds
        self._future: Future[T] = Future()
        # The threads of an executor would be waited for at the end of the process.
        threading.Thread(target=self._run, args=[ask], name=title, daemon=True).start()

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._future.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for the answer
            self._future.set_exception(error)

    @property
    def is_late(self) -> bool:
        """Whether the question is still being asked."""
        return not self._future.done()

    def result(self) -> T:
        """Return the answer, for a question that depends on it. Raises Failure where there is none."""
        try:
            return self._future.result(max(0.0, self._ends - time.monotonic()))
        except LateError:
            raise Failure(
                f"There was no answer from {self.title} within {self._limit_seconds:g} s.",
                "see the network and the vendor's status page, and run this again.",
            ) from None

    def find_answer(self) -> tuple[T | None, str, str]:
        """Return what was found, or None with the reason in one line and the next step."""
        try:
            return self.result(), "", ""
        except Failure as failure:
            return None, *split_failure(failure)

    def answer(self, kind: type[Answer[T]]) -> Answer[T]:
        """Wait for the answer, and return it as a part of the health."""
        found, unknown, next_step = self.find_answer()
        return kind(found=found, unknown=unknown, next_step=next_step)
