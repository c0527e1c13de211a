"""Everything at the vendors is declared, and as declared."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(
        platform, "drift", _measure, nothing="`./bulwark audit --live` was not run on this machine"
    )


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    if drift := health.drift:
        found = f"{drift.differences} differences, {drift.unknown} not looked at"
        yield f"audit of {drift.looked_at:%Y-%m-%d %H:%M} UTC", found


CHECK: Final = ReadinessCheck(
    id="nothing-is-undeclared",
    title="Everything at the vendors is declared, and as declared",
    area="security",
    priority="medium",
    looks_at="What `./bulwark audit --live` found when it was last run on this machine.",
    risk=(
        "A database that nobody declared is in no backup, and a setting that somebody changed protects "
        "nothing."
    ),
    fix="Run `./bulwark audit --live`; declare what it finds, or list it with a reason and an end.",
    controls=(Control.ISO_A_5_9, Control.NIST_CM_8, Control.CIS_1_1),
    look=_look,
    limit_seconds=120.0,
)
