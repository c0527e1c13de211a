"""A role that all of another AWS account can take on is refused."""

import re
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, read
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, of
from policies.framework.stack import PolicyStack, Resource

_WHOLE_ACCOUNT: Final = re.compile(r"(?:arn:[^:]+:iam::)?([0-9]{12})(?::root)?")
_CONDITIONS: Final = ("sts:ExternalId", "aws:PrincipalArn", "aws:PrincipalOrgID")
_AWS: Final = "pulumi:providers:aws"


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    statements, lacking = read(role, "assumeRolePolicy")
    yield from lacking
    own = stack.view(_accounts) | _allowed(role.configuration("allowedAccountIds").each())
    for statement in statements:
        accounts = {
            found[1]
            for kind, who in statement.principals
            if kind == "AWS" and (found := _WHOLE_ACCOUNT.fullmatch(who))
        }
        if statement.allows and accounts - own and not any(map(statement.leaves, _CONDITIONS)):
            yield say("it trusts a whole account that no provider of this stack is allowed, on no condition")


def _accounts(stack: PolicyStack) -> set[str]:
    return {
        account
        for provider in stack.of(_AWS)
        for account in _allowed(provider.at("allowedAccountIds").each())
    }


def _allowed(readings: Iterable[object]) -> set[str]:
    return {str(reading.value) for reading in readings if isinstance(reading, Known)}


RULE: Final = Rule(
    id="account-trust-is-conditional",
    title="No other AWS account is trusted as a whole and on no condition",
    violated="trusts a foreign account unconditionally",
    severity=Severity.HIGH,
    risk="Everyone whom that account lets use AssumeRole gets in, and so does who tricks a vendor into it.",
    fix="Name the role that may take it on instead of the account, or demand an sts:ExternalId.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_6, Control.ISO_A_5_15),
    subjects=of(ROLE),
    judge=_judge,
)
