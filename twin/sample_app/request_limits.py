"""How many requests the sample platform answers to one client: the API, sign-in and uploads."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_CLIENTS: Final = 10_000
"""Clients that are remembered; with more, all are forgotten, so that nobody can use up the memory."""


@dataclass(frozen=True)
class ClientLimit:
    """So many requests in a window of so many seconds, which begins with a client's first one."""

    requests: int
    seconds: int


GENERAL: Final = ClientLimit(100, 15 * 60)
SIGN_IN: Final = ClientLimit(5, 15 * 60)
UPLOADS: Final = ClientLimit(10, 60 * 60)


@dataclass(frozen=True)
class Allowance:
    """What is left to a client after a request. `remaining` is negative where it is refused."""

    limit: ClientLimit
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The draft's headers, as express-rate-limit sends them (draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "ratelimit-policy": f"{self.limit.requests};w={self.limit.seconds}",
            "ratelimit-limit": str(self.limit.requests),
            "ratelimit-remaining": str(max(0, self.remaining)),
            "ratelimit-reset": str(self.reset_seconds),
        }


class RequestLimits:
    """Counts requests by client and limit, in this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, ClientLimit], tuple[float, int]] = {}

    def take(self, client: str, limit: ClientLimit, *, factor: int = 1) -> Allowance:
        """Count one request; the limit is `factor` times as high."""
        now = self._clock()
        if len(self._windows) >= _MOST_CLIENTS:
            self._windows.clear()
        begin, count = self._windows.get((client, limit), (now, 0))
        if now - begin >= limit.seconds:
            begin, count = now, 0
        self._windows[client, limit] = (begin, count + 1)
        allowed = ClientLimit(limit.requests * factor, limit.seconds)
        return Allowance(allowed, allowed.requests - count - 1, round(begin + limit.seconds - now))
