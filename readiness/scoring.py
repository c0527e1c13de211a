"""Scores: how much of what was looked at passed, by weight; and the verdict in one sentence."""

from collections.abc import Iterator, Sequence

from readiness.check import AREA_TITLES, PRIORITY_WEIGHTS, ReadinessArea
from readiness.results import AreaScore, CheckResult, ReadinessVerdict, sort_findings


def score_areas(checks: Sequence[CheckResult]) -> Iterator[AreaScore]:
    """Yield the score of each area that has a check."""
    for area in AREA_TITLES:
        if own := [check for check in checks if check.area == area]:
            yield _score(area, own)


def _score(area: ReadinessArea, checks: Sequence[CheckResult]) -> AreaScore:
    weights = {
        outcome: sum(PRIORITY_WEIGHTS[check.priority] for check in checks if check.outcome == outcome)
        for outcome in ("passed", "failed")
    }
    counts = {
        outcome: sum(check.outcome == outcome for check in checks)
        for outcome in ("passed", "failed", "not_looked_at")
    }
    seen = weights["passed"] + weights["failed"]
    score = 100 * weights["passed"] // seen if seen else None
    lost = [
        f"{check.id} (-{PRIORITY_WEIGHTS[check.priority]})" for check in checks if check.outcome == "failed"
    ]
    parts = [
        f"{weights['passed']} of {seen} points" if seen else "nothing was looked at",
        *([f"lost by {', '.join(lost)}"] if lost else []),
        *(
            [f"{counts['not_looked_at']} not looked at, which count nothing"]
            if counts["not_looked_at"]
            else []
        ),
    ]
    return AreaScore(area=area, title=AREA_TITLES[area], score=score, explanation="; ".join(parts), **counts)


def mean_score(areas: Sequence[AreaScore]) -> int | None:
    """Return the mean of the areas that have a score, rounded down."""
    scores = [area.score for area in areas if area.score is not None]
    return sum(scores) // len(scores) if scores else None


def judge(stack: str, option: str, checks: Sequence[CheckResult]) -> tuple[ReadinessVerdict, str, str]:
    """Return the verdict, one sentence that says it, and what to do next."""
    failed = sort_findings(tuple(checks))
    unseen = [check for check in checks if check.outcome == "not_looked_at" and not check.is_expected]
    passed = sum(check.outcome == "passed" for check in checks)
    if failed:
        first = failed[0]
        others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return (
            "not_ready",
            f"{stack} is not ready: {first.id}{others} failed, {passed} passed.",
            f"{first.fix} Then: ./bulwark ready {option} --only {first.id}",
        )
    if unseen or not passed:
        first = next(iter(unseen), None)
        names = first.id if first and len(unseen) == 1 else f"{len(unseen)} checks"
        reason = f"{names} could not be looked at" if first else "nothing was looked at"
        return (
            "unknown",
            f"Nobody knows whether {stack} is ready: {reason}; {passed} passed.",
            (first.next_step if first else "") or f"./bulwark ready {option} --list",
        )
    left_out = [check for check in checks if check.outcome == "not_looked_at"]
    rest = f"; {len(left_out)} have nothing to look at here, or were not asked for" if left_out else ""
    awaited = [check for check in left_out if check.priority == "critical" and check.area == "recovery"]
    if awaited:
        names = " and ".join(check.id for check in awaited)
        return (
            "ready",
            f"{stack} is ready as far as there is something to look at: {passed} checks passed{rest}. "
            f"Nothing is known yet about {names}: {awaited[0].reason}.",
            f"./bulwark ready {option} again when there is: {awaited[0].fix}",
        )
    return "ready", f"{stack} is ready: all {passed} checks passed{rest}.", ""


EXIT_CODES: dict[ReadinessVerdict, int] = {"ready": 0, "not_ready": 1, "unknown": 3}
