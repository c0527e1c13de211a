"""
The twin's stand-in for GitHub's issuer of OIDC tokens: GitHub's claims, signed with a key of the twin.

Source: https://docs.github.com/en/actions/reference/security/oidc
"""

import hashlib
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from twin.host.home import TwinHome

ISSUER: Final = "https://token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"
_LIFETIME_SECONDS: Final = 300
"""Lifetime of a token, the same as GitHub's."""


def issue_token(home: TwinHome, *, repository: str, environment: str, audience: str = AUDIENCE) -> str:
    """Return the token of a GitHub Actions job in `repository` that runs in `environment`."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": f"repo:{repository}:environment:{environment}",
        "iat": now,
        "exp": now + _LIFETIME_SECONDS,
        "repository": repository,
        "environment": environment,
    }
    return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, _signing_key(home), ["ES256"])


def verify_token(home: TwinHome, token: str) -> dict[str, Any]:
    """
    Return the claims of a token.

    Raises:
        ValueError: another issuer signed the token, or it has expired.
    """
    try:
        claims = jwt.decode(token, _signing_key(home), ["ES256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}, iss={"essential": True, "value": ISSUER}).validate(
            claims
        )
    except (JoseError, ValueError) as error:
        raise ValueError(str(error)) from None
    return claims


def _signing_key(home: TwinHome) -> ECKey:
    """Return the key that is derived from a secret of the twin, so that all processes have the same one."""
    number = int.from_bytes(hashlib.sha256(home.secret("oidc-issuer").encode()).digest())
    return ECKey.import_key(ec.derive_private_key(number, ec.SECP256R1()))
