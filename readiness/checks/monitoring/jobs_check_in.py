"""Every scheduled job has checked in."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "check-ins", _measure, nothing="the stack declares no check-in")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for cron in health.crons.found or ():
        yield cron.name, cron.state


CHECK: Final = ReadinessCheck(
    id="jobs-check-in",
    title="Scheduled jobs have checked in",
    area="monitoring",
    priority="high",
    looks_at="The last check-in of each job at Sentry.",
    risk="A job has not run for days, and nobody is told.",
    fix="See the job's last runs at GitHub; run its command by hand.",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4_12),
    look=_look,
    limit_seconds=120.0,
)
