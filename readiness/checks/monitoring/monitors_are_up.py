"""Every declared monitor exists, is armed, and sees the platform up."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    seen = observe_subject(platform, "monitors", _measure, nothing="the stack declares no monitor")
    if platform.health:
        # For `status` that needs attention; a platform that nobody watches is not ready.
        seen.problems += [
            f"the monitor {monitor.name} is {monitor.state}, so that nobody is told"
            for monitor in platform.health.result().monitors.found or ()
            if monitor.state in {"paused", "unarmed"}
        ]
    return seen


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for monitor in health.monitors.found or ():
        yield f"{monitor.kind} {monitor.name}", monitor.state


CHECK: Final = ReadinessCheck(
    id="monitors-are-up",
    title="The monitors exist and see the platform up",
    area="monitoring",
    priority="critical",
    looks_at=(
        "Each declared monitor and heartbeat at UptimeRobot: whether it exists, is paused, or is down."
    ),
    risk="Nobody outside looks, and users tell of an outage first.",
    fix=(
        "Run `./bulwark up`, which makes and arms the monitors; see docs/runbooks/sev1.md where one is down."
    ),
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_16, Control.NIST_SI_4),
    look=_look,
    limit_seconds=120.0,
)
