"""GitHub's OIDC tokens, as trust policies demand them."""

from typing import Final

from policies.facts.iam_documents import Statement

ISSUER: Final = "token.actions.githubusercontent.com"
"""GitHub's issuer; that of an enterprise has a path after it (GitHub Docs, "OpenID Connect reference")."""
SAML: Final = "saml"
"""In place of an issuer: a directory of people, whose tokens have conditions of their own."""


def issuers_of(statement: Statement) -> list[str]:
    """Return the identity providers whose tokens a statement accepts, as its condition keys begin."""
    return [_issuer_of(who) for kind, who in statement.principals if kind == "Federated"]


def _issuer_of(federated: str) -> str:
    return SAML if ":saml-provider/" in federated else federated.rpartition(":oidc-provider/")[2]
