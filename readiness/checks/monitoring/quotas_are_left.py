"""No database is about to reach a quota, at which its vendor suspends it."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.assessment import QUOTA_WRONG, describe_quota
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "quotas", _measure, nothing="no database at Neon declares a quota")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for quota in health.quotas.found or ():
        yield f"{quota.database}, {quota.quantity}", describe_quota(quota)


CHECK: Final = ReadinessCheck(
    id="quotas-are-left",
    title="No quota is nearly used up",
    area="monitoring",
    priority="critical",
    looks_at=(
        "What each database at Neon has used of the quotas that the stack declares, by Neon's own count; "
        f"from {QUOTA_WRONG:.0%} on it fails."
    ),
    risk="At a quota Neon suspends the database until the month ends, or somebody raises it.",
    fix="Raise the database's `quota` in the stack's file, run `./bulwark up`, and see what uses so much.",
    controls=(Control.SOC_A1_1, Control.ISO_A_8_6, Control.NIST_SI_4),
    look=_look,
    limit_seconds=120.0,
)
