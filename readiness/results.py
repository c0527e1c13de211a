"""
The report of `./bulwark ready`: bulwark-readiness-1, documented in docs/readiness.md.

It holds what each check saw, and the scores that follow from it.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.moment import Moment
from readiness.check import CheckPriority, ReadinessArea
from recovery.manifest import RunId

CheckOutcome = Literal["passed", "failed", "not_looked_at"]
ReadinessVerdict = Literal["ready", "not_ready", "unknown"]


class ReadinessModel(BaseModel):
    """Base of all parts: frozen, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class MeasuredValue(ReadinessModel):
    """One thing that a check measured."""

    what: str
    value: str


class CheckResult(ReadinessModel):
    """What one check saw."""

    id: str
    title: str
    area: ReadinessArea
    priority: CheckPriority
    is_active: bool
    """Whether it sends many or odd requests, makes errors, or pages somebody."""

    outcome: CheckOutcome
    reason: str = ""
    """Why it was not looked at."""

    is_expected: bool = False
    """Whether there is nothing to look at here, or the check is not to run here: nothing is then missing."""

    next_step: str = ""
    """What a person does about the reason."""

    problems: tuple[str, ...] = ()
    measured: tuple[MeasuredValue, ...] = ()
    looks_at: str
    risk: str
    fix: str
    controls: tuple[str, ...]
    seconds: float


class AreaScore(ReadinessModel):
    """The score of one area. A check counts 8 where it is critical, then 4, 2 and 1."""

    area: ReadinessArea
    title: str
    score: int | None
    """Percent of what was looked at that passed, by weight, rounded down; None where nothing was."""

    explanation: str
    passed: int
    failed: int
    not_looked_at: int


class Readiness(ReadinessModel):
    """Whether a platform is ready for production, and what that follows from."""

    schema_version: Literal["bulwark-readiness-1"] = "bulwark-readiness-1"
    id: RunId
    """Sorts by time: `20300115T042300Z-3f9a`."""

    is_whole: bool
    """Whether all checks were chosen; only such a report is kept as evidence."""

    stack: str
    platform: str
    environment: str
    place: Literal["vendors", "twin"]
    option: str
    """What a command for this stack is given, such as `--stack prod --twin`."""

    looked_at: Moment
    """When it began, by this machine's clock."""

    seconds: Annotated[float, Field(ge=0, le=1e6)]
    commit: str = ""
    """The commit that was deployed, where it was said; the platform has to run it."""

    requests: int
    """How many requests were sent to the platform."""

    verdict: ReadinessVerdict
    sentence: str
    next_step: str
    score: int | None
    """Mean of the areas' scores, rounded down."""

    areas: tuple[AreaScore, ...]
    checks: tuple[CheckResult, ...]
    """In the order of the areas."""

    @property
    def ended_at(self) -> datetime:
        return self.looked_at + timedelta(seconds=self.seconds)

    @property
    def findings(self) -> list[CheckResult]:
        """What failed, the most urgent first."""
        return sort_findings(self.checks)


_ORDER: dict[CheckPriority, int] = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def sort_findings(checks: tuple[CheckResult, ...]) -> list[CheckResult]:
    """Return what failed, the most urgent first."""
    failed = [check for check in checks if check.outcome == "failed"]
    return sorted(failed, key=lambda check: _ORDER[check.priority])
