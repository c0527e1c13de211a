"""A role that more than one workload can take on is refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, Statement, read
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule, of
from policies.framework.stack import PolicyStack, Resource

_GITHUB: Final = "token.actions.githubusercontent.com"
_AUDIENCE: Final = "sts.amazonaws.com"
"""GitHub's issuer, and for whom its tokens must be (GitHub Docs, "Configuring OpenID Connect in AWS")."""

_ENVIRONMENT: Final = re.compile(r"repo:[^/:*?]+/[^/:*?]+:environment:[^:*?]+")
"""The subject of a job of one environment; only such a job can be made to wait for a person's approval."""


def _judge(role: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    statements, lacking = read(role, "assumeRolePolicy")
    return [*lacking, *(text for statement in statements if statement.allows for text in _lack(statement))]


def _lack(statement: Statement) -> Iterator[Text]:
    if statement.except_principals or not statement.principals:
        yield say("a statement of its trust policy doesn't say who may take it on")
    if any("*" in who for _, who in statement.principals):
        yield say("its trust policy lets anyone take it on")
    for kind, who in statement.principals:
        if kind == "Federated":
            yield from _lack_of_subject(statement, _issuer(who))


def _lack_of_subject(statement: Statement, issuer: str) -> Iterator[Text]:
    subjects = statement.demands("StringEquals", f"{issuer}:sub")
    if issuer.startswith(_GITHUB):
        if statement.demands("StringEquals", f"{issuer}:aud") != (_AUDIENCE,):
            yield say("it takes tokens of GitHub's that are not meant for AWS alone (StringEquals on aud)")
        if len(subjects) != 1 or not all(map(_ENVIRONMENT.fullmatch, subjects)):
            yield say("it does not name one environment of one GitHub repository (StringEquals on sub)")
    elif len(subjects) != 1:
        yield say("it does not name one subject of its identity provider (StringEquals on sub)")


def _issuer(federated: str) -> str:
    """Return how the condition keys of an identity provider start."""
    return "saml" if ":saml-provider/" in federated else federated.rpartition(":oidc-provider/")[2]


RULE: Final = Rule(
    id="role-trusts-one-workload",
    title="Every role can be taken on by exactly the workload that it is for",
    violated="trusts more than one workload",
    severity=Severity.CRITICAL,
    risk="Any branch, fork or foreign repository that meets a loose condition gets the role's permissions.",
    fix=(
        "Demand with StringEquals the audience and the one subject, such as "
        "`repo:owner/name:environment:production`; leave out every wildcard."
    ),
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_15, Control.CIS_6_8),
    subjects=of(ROLE),
    judge=_judge,
)
