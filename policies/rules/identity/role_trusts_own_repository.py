"""A role that another repository than the platform's can assume is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.github_tokens import ISSUER, issuers_of
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_FACT: Final = "githubRepository"


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    yield from problems
    for statement in statements:
        for issuer in issuers_of(statement) if statement.allows else ():
            if issuer.startswith(ISSUER):
                yield from _check_subjects(statement, issuer, stack)


def _check_subjects(statement: Statement, issuer: str, stack: PolicyStack) -> Iterator[Message]:
    declared = [(platform, platform.at(_FACT)) for platform in stack.publishers(_FACT)]
    if not declared:
        yield message("no component publishes whose workflows may take it on, as " + _FACT)
    yield from (unknown_value(platform, _FACT) for platform, value in declared if value == Unknown())
    begins = tuple(f"repo:{value.value}:" for _, value in declared if isinstance(value, Known))
    subjects = statement.condition_values("StringEquals", f"{issuer}:sub")
    if begins and not (subjects and all(subject.startswith(begins) for subject in subjects)):
        yield message("its trust policy demands another subject than one of the platform's repository")


RULE: Final = Rule(
    id="role-trusts-own-repository",
    title="Every role of GitHub's workflows can be taken on from the platform's own repository alone",
    violated="does not trust the platform's repository alone",
    severity=Severity.CRITICAL,
    risk=(
        "A foreign repository gets the role's permissions, or the platform's own workflows get none: names "
        "can be taken over by somebody else, and GitHub names newer repositories by numbers too."
    ),
    fix=(
        "Publish the repository as GitHub's tokens name it, such as `owner@123456/name@456789`, as "
        "githubRepository of a component, and begin the subject that the trust policy demands with it."
    ),
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_15, Control.CIS_6_8),
    subjects=of_type(ROLE),
    judge=_judge,
)
