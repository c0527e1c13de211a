"""A check: what of a running platform it looks at, the risk where it fails, and the fix."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from policies.framework.controls import Control
from readiness.live_platform import LivePlatform

ReadinessArea = Literal["monitoring", "recovery", "documentation", "health", "security"]
AREA_TITLES: Final[dict[ReadinessArea, str]] = {
    "monitoring": "Monitoring and logging",
    "recovery": "Backup and recovery",
    "documentation": "Documentation",
    "health": "Health checks",
    "security": "Security hardening",
}
"""Area -> its title, in the order of the report."""

CheckPriority = Literal["critical", "high", "medium", "low"]
PRIORITY_WEIGHTS: Final[dict[CheckPriority, int]] = {"critical": 8, "high": 4, "medium": 2, "low": 1}
"""How much a check counts in the score of its area; the order is that of findings."""


class NotApplicableError(Exception):
    """A check has nothing to look at on this platform; its text says why, as a clause."""


@dataclass
class Observation:
    """What a check saw: the values that it measured, and what is wrong with them."""

    measured: dict[str, str] = field(default_factory=dict)
    """What was measured, such as an address -> the value."""

    problems: list[str] = field(default_factory=list)
    """A clause for each that names the thing first; none: the check passed."""

    def expect(self, holds: object, problem: str) -> None:
        """Add a problem unless something holds."""
        if not holds:
            self.problems.append(problem)


def count_none(_platform: LivePlatform) -> int:
    """Return 0: a passive check sends no requests of its own kind."""
    return 0


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadinessCheck:
    """One question to a running platform. Checks are compared by identity."""

    id: str
    title: str
    """What holds where it passes."""

    area: ReadinessArea
    priority: CheckPriority
    looks_at: str
    risk: str
    """What can go wrong where it fails."""

    fix: str
    controls: tuple[Control, ...]
    look: Callable[[LivePlatform], Observation]
    """Raises NotApplicableError where there is nothing to look at, and Failure where it can't be seen."""

    is_active: bool = False
    """Whether it sends many or odd requests, makes errors, or pages somebody: never at production unasked."""

    is_on_request: bool = False
    """Whether it runs nowhere unless it is named; an active check that may take long and bounds it itself."""

    spares_production: bool = False
    """Whether it takes something down for a moment, so that production is never its subject."""

    count_requests: Callable[[LivePlatform], int] = count_none
    """Return the most requests that an active check sends."""

    limit_seconds: float = 30.0
