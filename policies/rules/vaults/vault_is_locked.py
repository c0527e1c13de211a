"""A vault without a long enough default lock is refused."""

from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import LOCK, Buckets, vaults
from policies.facts.lifecycles import default_retention, retention_days
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import (
    Parameter,
    Parameters,
    Rule,
    expect,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource

_MODES: Final = ["COMPLIANCE", "GOVERNANCE"]


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    yield from expect(vault, "objectLockEnabled", one_of(True), "must declare objectLockEnabled true")
    locks = stack.view(Buckets).parts_or_inline(vault, LOCK, "objectLockConfiguration")
    if not locks:
        yield message("it locks nothing by default")
    for lock in locks:
        retention = default_retention(lock)
        path: LiteralString = "rule.defaultRetention"
        yield from expect_value(
            retention.at("mode"),
            lock,
            path + ".mode",
            one_of(*limits["modes"]),
            "has a mode that can be lifted",
        )
        yield from expect_value(
            retention_days(retention),
            lock,
            path + ".days",
            in_range(limits["minimum_days"]),
            "locks for too few days",
        )


RULE: Final = Rule(
    id="vault-is-locked",
    title="Every bucket that holds backups locks each version when it is written",
    violated="is not locked",
    severity=Severity.CRITICAL,
    risk="Whoever gets hold of an account, ransomware included, deletes the backups before anything else.",
    fix=(
        "Declare objectLockEnabled on the bucket, and a BucketObjectLockConfiguration with a default "
        "retention in mode COMPLIANCE of enough days."
    ),
    controls=(Control.NIST_CP_9_8, Control.ISO_A_8_13, Control.CIS_11_3, Control.SOC_A1_2),
    subjects=vaults,
    judge=_judge,
    parameters=(
        Parameter(
            "modes",
            ["COMPLIANCE"],
            {"type": "array", "items": {"type": "string", "enum": _MODES}, "minItems": 1},
            "which modes are fine; privileged users can lift GOVERNANCE, so it is for stacks that pass",
            looser="more",
        ),
        number_parameter(
            "minimum_days", 30, "how long every version must stay locked, in days", looser="lower"
        ),
    ),
)
