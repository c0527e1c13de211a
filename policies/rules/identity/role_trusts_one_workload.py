"""A role that more than one workload can assume is refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.github_tokens import ISSUER, issuers_of
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_AUDIENCE: Final = "sts.amazonaws.com"
"""Audience of GitHub's tokens for AWS (GitHub Docs, "Configuring OpenID Connect in AWS")."""

_ENVIRONMENT: Final = re.compile(r"repo:[^/:*?]+/[^/:*?]+:environment:[^:*?]+")
"""Subject of the jobs of one environment. Only an environment can require a person's approval."""


def _judge(role: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    return [
        *problems,
        *(problem for statement in statements if statement.allows for problem in _check_statement(statement)),
    ]


def _check_statement(statement: Statement) -> Iterator[Message]:
    if statement.has_not_principal or not statement.principals:
        yield message("a statement of its trust policy doesn't say who may take it on")
    if any("*" in who for _, who in statement.principals):
        yield message("its trust policy lets anyone take it on")
    for issuer in issuers_of(statement):
        yield from _check_subject(statement, issuer)


def _check_subject(statement: Statement, issuer: str) -> Iterator[Message]:
    subjects = statement.condition_values("StringEquals", f"{issuer}:sub")
    if issuer.startswith(ISSUER):
        if statement.condition_values("StringEquals", f"{issuer}:aud") != (_AUDIENCE,):
            yield message(
                "it takes tokens of GitHub's that are not meant for AWS alone (StringEquals on aud)"
            )
        if len(subjects) != 1 or not all(map(_ENVIRONMENT.fullmatch, subjects)):
            yield message("it does not name one environment of one GitHub repository (StringEquals on sub)")
    elif len(subjects) != 1:
        yield message("it does not name one subject of its identity provider (StringEquals on sub)")


RULE: Final = Rule(
    id="role-trusts-one-workload",
    title="Every role can be taken on by exactly the workload that it is for",
    violated="trusts more than one workload",
    severity=Severity.CRITICAL,
    risk="Any branch, fork or foreign repository that meets a loose condition gets the role's permissions.",
    fix=(
        "Demand with StringEquals the audience and the one subject, such as "
        "`repo:owner@123456/name@456789:environment:production`; leave out every wildcard."
    ),
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_15, Control.CIS_6_8),
    subjects=of_type(ROLE),
    judge=_judge,
)
