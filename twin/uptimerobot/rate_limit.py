"""A rate limit: at most so many requests within a sliding minute."""

import math
import threading
import time
from collections import deque


class RateLimit:
    """Counts the requests of one account. `minute_seconds` is the real length of a minute."""

    def __init__(self, minute_seconds: float) -> None:
        self._minute_seconds = minute_seconds
        self._admitted: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self, limit: int) -> int:
        """Count a request and return 0; return the whole seconds to wait if it exceeds `limit` per minute."""
        now = time.monotonic()
        with self._lock:
            while self._admitted and self._admitted[0] <= now - self._minute_seconds:
                self._admitted.popleft()
            if len(self._admitted) < limit:
                self._admitted.append(now)
                return 0
            return max(1, math.ceil(self._admitted[0] + self._minute_seconds - now))
