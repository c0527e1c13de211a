"""The newest backups are in the replica and at the other cloud."""

from collections.abc import Iterator
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.health_subjects import observe_subject
from readiness.live_platform import LivePlatform
from status.assessment import rough
from status.health import Health


def _look(platform: LivePlatform) -> Observation:
    return observe_subject(platform, "copies", _measure, nothing="there is no copy yet")


def _measure(health: Health) -> Iterator[tuple[str, str]]:
    for store in health.stores:
        for title, answer in store.vaults.items():
            if title != "primary" and answer.found and answer.found.newest:
                newest = answer.found.newest
                yield f"{store.name} in the {title}", f"{rough(newest.age_seconds)} old, {newest.id}"


CHECK: Final = ReadinessCheck(
    id="copies-are-apart",
    title="The newest backups are in the replica and at another cloud",
    area="recovery",
    priority="high",
    looks_at="The newest backup of each store in the replica and in the vault elsewhere.",
    risk="One account, region or cloud takes the store together with its backups.",
    fix=("Run `./bulwark verify --vault replica` and `./bulwark copy`; see the replication's status at AWS."),
    controls=(Control.SOC_A1_2, Control.ISO_A_8_14, Control.NIST_CP_6_1, Control.CIS_11_4),
    look=_look,
    limit_seconds=120.0,
)
