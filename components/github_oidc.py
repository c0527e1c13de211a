"""GitHub's OIDC tokens, by which a job takes on a role of AWS without a long-lived key."""

from typing import Final

OIDC_ISSUER: Final = "https://token.actions.githubusercontent.com"
"""Issuer of the OIDC tokens of GitHub's jobs (GitHub Docs, "OpenID Connect reference")."""

OIDC_AUDIENCE: Final = "sts.amazonaws.com"
"""Audience of the tokens by which a job takes on a role of AWS."""
