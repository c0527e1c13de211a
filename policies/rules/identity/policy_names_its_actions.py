"""A policy that allows all actions of a service is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import POLICY
from policies.facts.iam_documents import identity_policies, read_identity_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _subjects(stack: PolicyStack) -> list[Resource]:
    # Without KMS key policies: AWS itself grants the account `kms:*` there (AWS KMS, "Default key policy").
    return [*identity_policies(stack), *stack.of_type(POLICY)]


def _judge(policy: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_identity_statements(policy)
    yield from problems
    for statement in statements:
        if statement.allows and any(map(_is_whole_service, statement.actions)):
            yield message("statement {at} allows every action of a service", at=number(statement.position))
        if statement.allows and not statement.actions:
            yield message(
                "statement {at} allows whatever it does not list (NotAction)", at=number(statement.position)
            )


def _is_whole_service(action: str) -> bool:
    service, _, name = action.partition(":")
    return "*" in service or "?" in service or not name.strip("*?")


RULE: Final = Rule(
    id="policy-names-its-actions",
    title="Every policy allows actions by name",
    violated="does not name its actions",
    severity=Severity.HIGH,
    risk="Whoever gets hold of the identity can delete, and give away, as well as do what it is for.",
    fix="List the actions that the workload uses; leave out `*`, `service:*` and NotAction.",
    controls=(
        Control.CIS_AWS_1_16,
        Control.NIST_AC_6,
        Control.SOC_CC6_3,
        Control.ISO_A_8_2,
        Control.CIS_3_3,
    ),
    subjects=_subjects,
    judge=_judge,
)
