"""A secret that somebody outside of the stack's own accounts may read is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import read_statements
from policies.facts.strangers import admits_strangers, own_accounts
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type, no secret
_POLICY: Final = "aws:secretsmanager/secretPolicy:SecretPolicy"


def _judge(holder: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    own = own_accounts(stack)
    if not own:
        yield Message("could not be decided: no AWS provider declares allowedAccountIds", undecided=True)
        return
    statements, unreadable = read_statements(holder)
    yield from unreadable
    if any(admits_strangers(statement, own) for statement in statements):
        yield message("its policy lets in somebody of another account")


def _find_policies(stack: PolicyStack) -> list[Resource]:
    inline = (secret for secret in stack.of_type(_SECRET) if not isinstance(secret.at("policy"), Absent))
    return [*stack.of_type(_POLICY), *inline]


RULE: Final = Rule(
    id="secret-admits-no-stranger",
    title="Nobody outside of the stack's own accounts reads a secret",
    violated="lets in somebody of another account",
    severity=Severity.CRITICAL,
    risk="Whoever reads a job's document has the credentials of every vendor in it.",
    fix="Name principals of the stack's own accounts alone, or take the policy away.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_17),
    subjects=_find_policies,
    judge=_judge,
)
