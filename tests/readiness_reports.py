"""Readiness reports for tests: of made-up checks, each with the outcome that a test wants."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from readiness.results import CheckOutcome, CheckResult, MeasuredValue, Readiness
from readiness.scoring import judge, mean_score, score_areas

NOW: Final = datetime(2030, 1, 15, 5, 37, tzinfo=UTC)


def result(name: str, outcome: CheckOutcome = "passed", **changes: Any) -> CheckResult:
    fields: dict[str, Any] = {
        "id": name,
        "title": f"{name} holds",
        "area": "security",
        "priority": "high",
        "is_active": False,
        "outcome": outcome,
        "problems": ("it is wrong",) if outcome == "failed" else (),
        "measured": (MeasuredValue(what="a header", value="a value"),),
        "looks_at": "headers",
        "risk": "r.",
        "fix": "f.",
        "controls": ("NIST 800-53 SC-5",),
        "seconds": 0.1,
    }
    return CheckResult(**{**fields, **changes})


def report(results: Sequence[CheckResult], at: datetime = NOW, **changes: Any) -> Readiness:
    """Return a report of all checks, which are these."""
    verdict, sentence, next_step = judge("s", "--stack s", results)
    areas = tuple(score_areas(results))
    fields: dict[str, Any] = {
        "id": f"{at:%Y%m%dT%H%M%SZ}-3f9a",
        "is_whole": True,
        "stack": "s",
        "platform": "example",
        "environment": "local",
        "place": "twin",
        "option": "--stack s",
        "looked_at": at,
        "seconds": 1.5,
        "requests": 3,
        "verdict": verdict,
        "sentence": sentence,
        "next_step": next_step,
        "score": mean_score(areas),
        "areas": areas,
        "checks": tuple(results),
    }
    return Readiness(**{**fields, **changes})


def outcomes(at: datetime = NOW, **checks: CheckOutcome) -> Readiness:
    """Return a report whose checks had these outcomes."""
    return report([result(name, outcome) for name, outcome in checks.items()], at)
