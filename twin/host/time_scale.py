"""The speed of the twin's monitoring, so that a test or a demonstration need not wait for minutes."""

import os
from dataclasses import dataclass

SPEED_VARIABLE = "BULWARK_TWIN_SPEED"
"""
A factor, 1 when unset: at 60, what a vendor does each minute happens each second.

It divides declared durations: monitor intervals, grace periods, alert thresholds and recurrences, muting,
check-in margins and run times, frequency windows, rate limit windows. It does not change points in time
(crontabs, maintenance windows, certificate dates) and network timeouts.
"""


@dataclass(frozen=True)
class TimeScale:
    """`speed` seconds of the vendors take one real second."""

    speed: float = 1.0

    @classmethod
    def from_environment(cls) -> "TimeScale":
        """Return the scale of SPEED_VARIABLE. Raises ValueError unless its value is a number above zero."""
        value = os.environ.get(SPEED_VARIABLE, "1")
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not speed > 0:
            raise ValueError(f"{SPEED_VARIABLE} is {value!r}; it must be a number above 0, such as 60.")
        return cls(speed)

    def scale_seconds(self, seconds: float) -> float:
        """Return the real seconds that `seconds` declared seconds take."""
        return seconds / self.speed

    def scale_minutes(self, minutes: float) -> float:
        """Return the real seconds that `minutes` declared minutes take."""
        return minutes * 60 / self.speed
