"""A role that more than one workload can assume is refused."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.failure_domain import FailureDomain
from policies.facts.github_tokens import ISSUER, SAML, issuers_of
from policies.facts.iam_documents import ROLE, Statement, matches, read_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameter, Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_AUDIENCE: Final = "sts.amazonaws.com"
"""Audience of GitHub's tokens for AWS (GitHub Docs, "Configuring OpenID Connect in AWS")."""

_ISSUERS: Final = Parameter(
    "issuers",
    [
        ISSUER,
        "accounts.google.com",
        "api.pulumi.com/oidc",
        "app.terraform.io",
        "cognito-identity.amazonaws.com",
        "container.googleapis.com/v1/projects/*",
        "gitlab.com",
        "oidc.circleci.com/org/*",
        "oidc.eks.*.amazonaws.com/id/*",
        "oidc.fly.io/*",
        "oidc.vercel.com",
        "oidc.vercel.com/*",
        f"{ISSUER}/*",
    ],
    {"type": "array", "items": {"type": "string", "pattern": r"^[^*]{8}"}},
    "patterns of the identity providers whose tokens a role may take: whoever runs one can make any subject",
    looser="more",
)

_PROVIDER: Final = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
_Workload = tuple[str, str, str]
"""An account, an issuer, and a subject of it."""

_ENVIRONMENT: Final = re.compile(r"repo:[^/:*?]+/[^/:*?]+:environment:[^:*?]+")
"""Subject of the jobs of one environment. Only an environment can require a person's approval."""


def _judge(role: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    return [
        *problems,
        *(
            problem
            for statement in statements
            if statement.allows
            for problem in _check_statement(statement, limits)
        ),
        *_check_together([statement for statement in statements if statement.allows]),
        *_check_others(role, stack),
    ]


def _check_others(role: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield which other role of its account its own workload can take on: who steals one has both."""
    workloads = stack.view(_Workloads)
    for other in workloads.sharing(role):
        yield message("its workload can take on {other} as well", other=other)
    for provider in workloads.without_provider(role):
        yield message("{provider} takes tokens that are not for AWS alone", provider=provider)


class _Workloads:
    """The subjects of all roles, and the identity providers, by account."""

    def __init__(self, stack: PolicyStack) -> None:
        self._subjects: dict[Resource, set[_Workload]] = {}
        self._roles: defaultdict[_Workload, list[Resource]] = defaultdict(list)
        self._accounts: dict[Resource, str] = {}
        for role in stack.of_type(ROLE):
            account = FailureDomain.of(role, stack).account
            self._accounts[role] = str(account.value) if isinstance(account, Known) else role.urn
            statements, _ = read_statements(role, "assumeRolePolicy")
            self._subjects[role] = {
                (self._accounts[role], issuer, subject)
                for statement in statements
                if statement.allows
                for issuer in issuers_of(statement)
                for subject in statement.condition_values("StringEquals", f"{issuer}:sub")
            }
            for workload in self._subjects[role]:
                self._roles[workload].append(role)
        self._providers: defaultdict[str, list[Resource]] = defaultdict(list)
        for provider in stack.of_type(_PROVIDER):
            account = FailureDomain.of(provider, stack).account
            if isinstance(account, Known):
                self._providers[str(account.value)].append(provider)

    def sharing(self, role: Resource) -> list[Resource]:
        """Return the other roles of its account with a subject of a role."""
        found = (other for workload in self._subjects[role] for other in self._roles[workload])
        return [other for other in dict.fromkeys(found) if other is not role]

    def without_provider(self, role: Resource) -> Iterator[Resource]:
        """Yield a provider of GitHub's tokens of its account that takes none that are meant for AWS."""
        if any(issuer.startswith(ISSUER) for _, issuer, _ in self._subjects[role]):
            for provider in self._providers[self._accounts[role]]:
                url, audiences = provider.at("url"), provider.at("clientIdLists")
                of_github = isinstance(url, Known) and ISSUER in str(url.value)
                if of_github and isinstance(audiences, Known) and audiences.each() != [Known(_AUDIENCE)]:
                    yield provider


def _check_together(statements: list[Statement]) -> Iterator[Message]:
    """Yield that one statement trusts a workload, and another one somebody else."""
    workloads = {
        (issuer, statement.condition_values("StringEquals", f"{issuer}:sub"))
        for statement in statements
        for issuer in issuers_of(statement)
    }
    others = [who for statement in statements for kind, who in statement.principals if kind != "Federated"]
    if len(workloads) > 1 or (workloads and others):
        yield message("it trusts others besides its workload")


def _check_statement(statement: Statement, limits: Parameters) -> Iterator[Message]:
    if statement.has_not_principal or not statement.principals:
        yield message("a statement of its trust policy doesn't say who may take it on")
    if any("*" in who for _, who in statement.principals):
        yield message("its trust policy lets anyone take it on")
    for issuer in issuers_of(statement):
        known = any(matches(pattern, issuer) for pattern in limits[_ISSUERS.name])
        if issuer != SAML and not known:
            yield message("it takes tokens of an identity provider that is not known")
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
    parameters=(_ISSUERS,),
)
