"""
GitHub's issuer of OIDC tokens as the twin has it: the same claims, signed with a key of the twin's own.

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
_SECONDS: Final = 300
"""How long a token is good for, as long as GitHub's."""


def issued(home: TwinHome, *, repository: str, environment: str, audience: str = AUDIENCE) -> str:
    """Return the token that a job of that repository would get, running in that environment."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": f"repo:{repository}:environment:{environment}",
        "iat": now,
        "exp": now + _SECONDS,
        "repository": repository,
        "environment": environment,
    }
    return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, _key(home), ["ES256"])


def read(home: TwinHome, token: str) -> dict[str, Any]:
    """
    Return the claims of a token that this issuer signed.

    Raises:
        ValueError: for any other, or one that has expired.
    """
    try:
        claims = jwt.decode(token, _key(home), ["ES256"]).claims
        jwt.JWTClaimsRegistry(exp={"essential": True}, iss={"essential": True, "value": ISSUER}).validate(
            claims
        )
    except (JoseError, ValueError) as error:
        raise ValueError(str(error)) from None
    return claims


def _key(home: TwinHome) -> ECKey:
    """Derive the key from a secret of the twin, so that every process has the same one."""
    number = int.from_bytes(hashlib.sha256(home.secret("oidc-issuer").encode()).digest())
    return ECKey.import_key(ec.derive_private_key(number, ec.SECP256R1()))
