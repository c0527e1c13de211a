"""No waiver and no reviewed exception has ended."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "exceptions", _measure, nothing="there is no exception")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for deadline in health.deadlines.found or ():
        yield f"{deadline.kind} {deadline.what}", f"until {deadline.ends_on}"


CHECK: Final = ReadinessCheck(
    id="exceptions-are-current",
    title="No reviewed exception has ended",
    area="documentation",
    priority="low",
    looks_at="The last day of each waiver and of each entry of what is not declared on purpose.",
    risk=(
        "A deployment is refused on the day of an incident, or an excuse lasts longer than somebody "
        "meant it to."
    ),
    fix="Correct what it excuses, or renew it by a pull request.",
    controls=(Control.SOC_CC8_1, Control.ISO_A_8_9),
    look=_look,
    limit_seconds=120.0,
)
