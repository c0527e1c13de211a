"""How often a vendor answers: so many requests within a minute that slides."""

import math
import threading
import time
from collections import deque


class RateLimit:
    """Counts the requests of one account. `minute_seconds` is how long a minute takes here."""

    def __init__(self, minute_seconds: float) -> None:
        self._minute_seconds = minute_seconds
        self._answered: deque[float] = deque()
        self._lock = threading.Lock()

    def wait_seconds(self, at_most: int) -> int:
        """Count a request, and return 0; or, beyond `at_most` in a minute, when to ask again."""
        now = time.monotonic()
        with self._lock:
            while self._answered and self._answered[0] <= now - self._minute_seconds:
                self._answered.popleft()
            if len(self._answered) < at_most:
                self._answered.append(now)
                return 0
            return max(1, math.ceil(self._answered[0] + self._minute_seconds - now))
