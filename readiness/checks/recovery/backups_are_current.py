"""Every store has a backup that is young enough, whole and locked."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.assessment import rough
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "backups", _measure, nothing="there is no backup yet")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for store in health.stores:
        found = store.vaults["primary"].found
        if found and found.newest:
            limit = rough(store.longest_age_seconds["primary"])
            yield store.name, f"{rough(found.newest.age_seconds)} old of {limit}, {found.newest.id}"


CHECK: Final = ReadinessCheck(
    id="backups-are-current",
    title="Every store has a current, locked backup",
    area="recovery",
    priority="critical",
    looks_at=(
        "The newest backup of each store in the primary vault: its age by the vault's clock, its lock, "
        "and what its verification found, as `./bulwark status` reads them."
    ),
    risk="A store is lost together with everything since its last backup, or for ever.",
    fix="Run `./bulwark backup all`, and see why the scheduled job did not.",
    controls=(Control.SOC_A1_2, Control.ISO_A_8_13, Control.NIST_CP_9, Control.CIS_11_2),
    look=_look,
    limit_seconds=120.0,
)
