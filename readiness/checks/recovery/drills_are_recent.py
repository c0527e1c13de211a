"""Every store was recovered by a drill that passed, recently enough."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.assessment import newest_drill, rough
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "drills", _measure, nothing="there was no drill yet")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for store in health.stores:
        drill = newest_drill(health, store)
        if drill:
            back = f", back in {rough(drill.back_seconds)}" if drill.back_seconds else ""
            outcome = "passed" if drill.passed else "failed"
            yield store.name, f"{drill.scenario} {outcome} {rough(drill.age_seconds)} ago{back}"


CHECK: Final = ReadinessCheck(
    id="drills-are-recent",
    title="Every store was recovered by a recent drill",
    area="recovery",
    priority="high",
    looks_at=(
        "The newest drill of each store: whether it passed, its age, and its times beside the objectives."
    ),
    risk="Nobody knows how long a recovery takes, or whether the procedure still works.",
    fix="Run `./bulwark drill all`, and correct what it finds.",
    controls=(Control.SOC_A1_3, Control.ISO_A_5_30, Control.NIST_CP_4, Control.CIS_11_5),
    look=_look,
    limit_seconds=120.0,
)
