"""No alert of a monitor is open."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    if not platform.settings.errors:
        raise NotApplicableError("the stack declares no error tracking (bulwark:errors)")
    return observe_subject(platform, "issues", _measure, nothing="nothing was read of the issues")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    if (found := health.issues.found) is not None:
        alerts = sum(issue.kind == "alert" for issue in found)
        yield "open issues", f"{alerts} alerts, {len(found) - alerts} errors"


CHECK: Final = ReadinessCheck(
    id="no-alert-is-open",
    title="No alert is open",
    area="monitoring",
    priority="high",
    looks_at="The open issues of the stack's projects at Sentry: alerts of monitors, and errors.",
    risk="A release starts on top of an outage that is already known.",
    fix="See the issue at Sentry, and resolve it once its cause is gone.",
    controls=(Control.SOC_CC7_3, Control.NIST_IR_4),
    look=_look,
    limit_seconds=120.0,
)
