"""Every store has a backup that was restored and compared."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "proofs", _measure, nothing="there is no backup that could be proven")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for store in health.stores:
        found = store.vaults["primary"].found
        if found and found.last_proven_at:
            yield store.name, f"proven {found.last_proven_at:%Y-%m-%d %H:%M} UTC"


CHECK: Final = ReadinessCheck(
    id="backups-are-proven",
    title="Every store has a backup that was restored and compared",
    area="recovery",
    priority="critical",
    looks_at=(
        "When the newest proven backup of each store was restored and compared, beside the longest age "
        "that the objectives allow."
    ),
    risk="The backups are there and can't be restored, which the day of the loss shows.",
    fix="Run `./bulwark verify --deep`, and schedule it after each backup.",
    controls=(Control.SOC_A1_3, Control.ISO_A_8_13, Control.NIST_CP_9_1, Control.CIS_11_5),
    look=_look,
    limit_seconds=120.0,
)
