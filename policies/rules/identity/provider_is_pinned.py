"""A provider without an exact version is refused."""

import re
from collections.abc import Iterable
from typing import Any, Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule, expect
from policies.framework.stack import PolicyStack, Resource

_VERSION: Final = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?")
"""An exact version, not a range (semver.org)."""

_PART_OF_PROGRAM: Final = ("pulumi:providers:pulumi-python", "pulumi:providers:pulumi-nodejs")
"""They run what the program itself is the provider of: the engine and the SDK have one version."""


def _is_version(version: Any) -> bool:
    return isinstance(version, str) and bool(_VERSION.fullmatch(version))


def _judge(provider: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return expect(provider, "version", _is_version, "does not say which version it is")


RULE: Final = Rule(
    id="provider-is-pinned",
    title="Every provider has one version",
    violated="is not pinned",
    severity=Severity.MEDIUM,
    risk="The same program does something else tomorrow, or on another machine, and no review has seen it.",
    fix="Pin the provider's package in the lock file, or pass `version` to the provider.",
    controls=(Control.NIST_CM_3, Control.SOC_CC8_1, Control.ISO_A_8_9),
    subjects=lambda stack: [
        resource
        for resource in stack.resources
        if resource.type.startswith("pulumi:providers:") and resource.type not in _PART_OF_PROGRAM
    ],
    judge=_judge,
)
