"""A role that another AWS account can assume as a whole, on no condition, is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, read_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_CONDITIONS: Final = ("sts:ExternalId", "aws:PrincipalArn", "aws:PrincipalOrgID")


def _judge(role: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    yield from problems
    # Another account of the stack is another account: its administrators are meant to be others.
    own = _account_ids(role.provider_input("allowedAccountIds").each())
    for statement in statements:
        if (
            statement.allows
            and statement.whole_accounts - own
            and not any(map(statement.allowed_values, _CONDITIONS))
        ):
            yield message("it trusts a whole account that is not its own, on no condition")


def _account_ids(values: Iterable[object]) -> set[str]:
    return {str(value.value) for value in values if isinstance(value, Known)}


RULE: Final = Rule(
    id="account-trust-is-conditional",
    title="No other AWS account is trusted as a whole and on no condition",
    violated="trusts a foreign account unconditionally",
    severity=Severity.HIGH,
    risk="Everyone whom that account lets use AssumeRole gets in, and so does who tricks a vendor into it.",
    fix="Name the role that may take it on instead of the account, or demand an sts:ExternalId.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_6, Control.ISO_A_5_15),
    subjects=of_type(ROLE),
    judge=_judge,
)
