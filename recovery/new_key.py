"""
Waiting until a key that was just made may be used.

Roles are allowed to use a key by its alias, and a new alias counts only after up to five minutes (AWS KMS,
"Use aliases to control access to KMS keys").
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from core.log import RunEvents

_LIMIT_SECONDS: Final = 300.0
_LONGEST_PAUSE_SECONDS: Final = 15.0
_DENIALS: Final = frozenset(("AccessDenied", "AccessDeniedException"))

_log = RunEvents()

OnWait = Callable[[int], None]
"""Called before each pause, with the seconds that are left; by several threads."""


def log_wait(seconds_left: int) -> None:
    """Say in the log of a run what it waits for."""
    _log.warning("waiting until the new key may be used", seconds_left=seconds_left)


class NewKeyWait:
    """Tells how long to pause before a request is repeated that was denied for the key alone."""

    def __init__(
        self,
        on_wait: OnWait = log_wait,
        *,
        limit_seconds: float = _LIMIT_SECONDS,
        read_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_wait, self._limit, self._read_clock = on_wait, limit_seconds, read_clock
        self._lock = threading.Lock()
        self._first_denial: float | None = None

    def choose_pause(self, error: dict[str, Any], attempts: int) -> float | None:
        """
        Return the seconds until a denied request is worth repeating; None if it is not, or not any more.

        Args:
            error: Code and message, as AWS answered.
            attempts: How often the request was made.
        """
        if error.get("Code") not in _DENIALS or "kms" not in str(error.get("Message", "")).lower():
            return None
        now = self._read_clock()
        with self._lock:
            if self._first_denial is None:
                self._first_denial = now
            left = self._first_denial + self._limit - now
        if left <= 0:
            return None
        self._on_wait(round(left))
        return min(2.0 ** (attempts - 1), _LONGEST_PAUSE_SECONDS, left)

    def watch(self, client: Any) -> None:
        """Let a client of botocore repeat what is denied for the key alone."""

        def decide(response: tuple[Any, dict[str, Any]] | None, attempts: int, **_: Any) -> float | None:
            return self.choose_pause(response[1].get("Error", {}), attempts) if response else None

        client.meta.events.register("needs-retry", decide, unique_id="bulwark-new-key")
