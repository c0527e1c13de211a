"""Runs checks: those that only look at the same time, the others after them, one by one."""

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from core.credential_forms import hide_credentials
from core.failure import Failure, split_failure
from core.text import printable
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform
from readiness.results import CheckOutcome, CheckResult, MeasuredValue
from status.inquiry import Question

OnCheckProgress = Callable[[str], None]
"""Called with the title of what is looked at."""

_MOST_PROBLEMS: Final = 20
_MOST_VALUES: Final = 60
_MOST_CHARACTERS: Final = 300


def run_checks(
    checks: Sequence[ReadinessCheck],
    platform: LivePlatform,
    *,
    active: Collection[str],
    only: Collection[str] = (),
    on_progress: OnCheckProgress = lambda _: None,
) -> tuple[list[CheckResult], bool]:
    """
    Return the results in the order of the checks, and whether a check still has not ended.

    Args:
        checks: The checks.
        platform: What they look at.
        active: The ids of the active checks that were asked for. At production no other one runs, elsewhere
            all do that don't wait for a request.
        only: The ids of the checks that were chosen, which is a request as well, but not at production.
        on_progress: Is told what begins.
    """
    on_progress("what is seen from outside")
    refused = {check: reason for check in checks if (reason := _refuse(check, platform, active, only))}
    passive = {check: _begin(check, platform) for check in checks if not check.is_active}
    results = {check: _finish(check, question.result) for check, question in passive.items()}
    questions = list(passive.values())
    for check in checks:
        if reason := refused.get(check):
            results[check] = _describe(check, "not_looked_at", reason=reason, is_expected=True)
        elif check.is_active:
            on_progress(check.title)
            if check.is_on_request:
                # In this thread, so that it puts back what it did when Ctrl-C ends it.
                results[check] = _finish(check, partial(_look, check, platform))
                continue
            questions.append(question := _begin(check, platform))
            results[check] = _finish(check, question.result)
    return [results[check] for check in checks], any(question.is_late for question in questions)


def _refuse(
    check: ReadinessCheck, platform: LivePlatform, active: Collection[str], only: Collection[str]
) -> str:
    """Return why an active check does not run here; empty if it does."""
    if check.is_on_request and check.id not in {*active, *only}:
        return f"it runs on request only; ask for it: --only {check.id}"
    if not check.is_active or platform.settings.platform.environment != "production":
        return ""
    if check.spares_production:
        return "it takes something down for a moment, and this is production; run it on staging or the twin"
    if check.id not in active:
        return f"it is active, and this is production; ask for it: --active {check.id}"
    return ""


_Ended = tuple[Observation | NotApplicableError, float]


def _begin(check: ReadinessCheck, platform: LivePlatform) -> Question[_Ended]:
    return Question(
        f"the check {check.id}", partial(_look, check, platform), limit_seconds=check.limit_seconds
    )


def _look(check: ReadinessCheck, platform: LivePlatform) -> _Ended:
    begin = time.monotonic()
    try:
        with platform.reader.allow(check.count_requests(platform) if check.is_active else 0):
            seen = check.look(platform)
    except NotApplicableError as error:
        return error, time.monotonic() - begin
    return seen, time.monotonic() - begin


def _finish(check: ReadinessCheck, result: Callable[[], _Ended]) -> CheckResult:
    try:
        seen, seconds = result()
    except Failure as failure:
        reason, next_step = split_failure(failure)
        return _describe(check, "not_looked_at", reason=reason, next_step=next_step)
    if isinstance(seen, NotApplicableError):
        return _describe(check, "not_looked_at", reason=str(seen), is_expected=True, seconds=seconds)
    if not seen.measured and not seen.problems:
        return _describe(check, "not_looked_at", reason="nothing was measured", seconds=seconds)
    return _describe(check, "failed" if seen.problems else "passed", seen=seen, seconds=seconds)


def _describe(
    check: ReadinessCheck,
    outcome: CheckOutcome,
    *,
    seen: Observation | None = None,
    reason: str = "",
    next_step: str = "",
    is_expected: bool = False,
    seconds: float = 0.0,
) -> CheckResult:
    seen = seen or Observation()
    return CheckResult(
        id=check.id,
        title=check.title,
        area=check.area,
        priority=check.priority,
        is_active=check.is_active,
        outcome=outcome,
        reason=_clean(reason),
        is_expected=is_expected,
        next_step=_clean(next_step),
        problems=tuple(map(_clean, seen.problems[:_MOST_PROBLEMS])),
        measured=tuple(
            MeasuredValue(what=_clean(what), value=_clean(value))
            for what, value in list(seen.measured.items())[:_MOST_VALUES]
        ),
        looks_at=check.looks_at,
        risk=check.risk,
        fix=check.fix,
        controls=tuple(map(str, check.controls)),
        seconds=round(seconds, 3),
    )


def _clean(text: str) -> str:
    """Return a text of others as one printable line of bounded length, without credentials."""
    return hide_credentials(printable(text))[:_MOST_CHARACTERS]
