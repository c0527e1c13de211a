"""How fast the twin's monitoring lives, so that a test or a demonstration need not wait for minutes."""

import os
from dataclasses import dataclass

SPEED_VARIABLE = "BULWARK_TWIN_SPEED"
"""
A factor, 1 when unset: at 60, what a vendor does each minute happens each second.

It divides declared durations: monitor intervals, grace periods, alert thresholds and recurrences, muting,
check-in margins and run times, frequency windows, rate limit windows. It leaves alone what names a moment
(crontabs, maintenance windows, certificate dates) and what belongs to the network (timeouts).
"""


@dataclass(frozen=True)
class TimeScale:
    speed: float = 1.0

    @classmethod
    def from_environment(cls) -> "TimeScale":
        """Raises ValueError, naming the variable, when it is no number above zero."""
        given = os.environ.get(SPEED_VARIABLE, "1")
        try:
            speed = float(given)
        except ValueError:
            speed = 0.0
        if not speed > 0:
            raise ValueError(f"{SPEED_VARIABLE} is {given!r}; it must be a number above 0, such as 60.")
        return cls(speed)

    def seconds(self, declared: float) -> float:
        """Return how long `declared` seconds take here."""
        return declared / self.speed

    def minutes(self, declared: float) -> float:
        """Return how many seconds `declared` minutes take here."""
        return declared * 60 / self.speed
