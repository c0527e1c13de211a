"""Turns what `./bulwark status` assesses of one subject into what a check saw."""

from collections.abc import Callable, Iterable

from core.failure import Failure
from readiness.check import NotApplicableError, Observation
from readiness.live_platform import LivePlatform
from status.assessment import SUBJECTS, HealthSubject
from status.health import Health


def observe_subject(
    platform: LivePlatform,
    subject: HealthSubject,
    measure: Callable[[Health], Iterable[tuple[str, str]]],
    *,
    nothing: str,
) -> Observation:
    """
    Return what is known of a subject.

    Args:
        platform: Where the health is read, once for all checks.
        subject: What is assessed.
        measure: Yields what was measured, as name and value.
        nothing: Why there is nothing to look at, where nothing was measured and nothing is wrong.

    Raises:
        NotApplicableError: nothing was measured, and nothing is wrong or due.
        Failure: something could not be looked at.
    """
    if platform.health is None:
        raise NotApplicableError("the stack's health is not read here")
    health = platform.health.result()
    if health.deployment.found and not health.deployment.found.resources:
        raise Failure(f"{health.stack} is not deployed.", f"./bulwark up {platform.option}")
    findings = list(SUBJECTS[subject](health))
    seen = Observation(
        dict(measure(health)), [finding.what for finding in findings if finding.level == "wrong"]
    )
    unknown = next((finding for finding in findings if finding.level == "unknown"), None)
    if unknown and not seen.problems:
        raise Failure(f"{unknown.what}.", unknown.next_step)
    notes = [finding.what for finding in findings if finding.level == "attention"]
    if not seen.measured and not seen.problems:
        raise NotApplicableError("; ".join(notes) or nothing)
    seen.measured |= {f"note {number}": note for number, note in enumerate(notes, 1)}
    return seen
