"""An AWS provider that would work in any account is refused."""

import re
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_ACCOUNT: Final = re.compile(r"[0-9]{12}")


def _judge(provider: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    match provider.at("allowedAccountIds").each():
        case [Known(str(account))] if _ACCOUNT.fullmatch(account):
            pass
        case [Unknown()]:
            yield unknown_value(provider, "allowedAccountIds")
        case _:
            yield message("its allowedAccountIds are not exactly one account")


RULE: Final = Rule(
    id="provider-is-bound-to-account",
    title="Every AWS provider works in one account only",
    violated="is not bound to an account",
    severity=Severity.HIGH,
    risk="With the wrong credentials at hand, a deploy builds production in another account.",
    fix="Declare allowedAccountIds with the one account.",
    controls=(Control.NIST_CM_2, Control.SOC_CC6_1, Control.CIS_4_1),
    subjects=of_type("pulumi:providers:aws", "pulumi:providers:aws-native"),
    judge=_judge,
)
