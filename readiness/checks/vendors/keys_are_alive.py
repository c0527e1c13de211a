"""The keys that encrypt the vaults can be used, and none waits for its deletion."""

from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    if platform.read_keys is None:
        raise NotApplicableError("the stack declares no vaults")
    seen = Observation()
    for key in platform.read_keys():
        seen.measured[key.name] = f"{key.describe()}, {key.id}"
        seen.expect(key.is_usable, f"the key {key.name} ({key.id}) is {key.describe()}")
    seen.expect(seen.measured, "the vaults are declared, and the stack has no key")
    return seen


CHECK: Final = ReadinessCheck(
    id="keys-are-alive",
    title="The keys of the vaults can be used",
    area="recovery",
    priority="critical",
    looks_at="The state of each KMS key of the stack, in both accounts, as the role planner.",
    risk="A key that is disabled or deleted takes every backup with it, whatever locks their versions.",
    fix=(
        "As an administrator: `aws kms cancel-key-deletion` where it waits for its deletion, then `aws kms "
        "enable-key`; see in CloudTrail who did it."
    ),
    controls=(Control.SOC_A1_2, Control.ISO_A_8_24, Control.NIST_SC_12),
    look=_look,
    limit_seconds=120.0,
)
