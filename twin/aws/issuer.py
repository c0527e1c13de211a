"""
The twin's stand-in for GitHub's issuer of OIDC tokens: GitHub's claims, signed with a key of the twin.

Source: https://docs.github.com/en/actions/reference/security/oidc
"""

import hashlib
import re
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from twin.host.home import TwinHome

ISSUER: Final = "https://token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"
KEYS_PATH: Final = "/.well-known/jwks"
"""Where the issuer publishes its keys; on the twin, at the AWS service."""

_ALGORITHM: Final = "ES256"
_LIFETIME_SECONDS: Final = 300
"""Lifetime of a token, the same as GitHub's."""

_SUBJECT: Final = re.compile(
    r"repo:(?P<owner>[^/:@]+)(?:@(?P<owner_id>\d+))?/(?P<name>[^/:@]+)(?:@(?P<id>\d+))?"
    r":environment:(?P<environment>.+)"
)
"""Subject of a job in an environment: with the repository's numbers, or, of an older repository, without."""


def issue_token(home: TwinHome, *, subject: str, audience: str = AUDIENCE) -> str:
    """
    Return the token of a GitHub Actions job in an environment of a repository, of either form of subject.

    Raises:
        ValueError: no job in an environment has this subject.
    """
    if not (job := _SUBJECT.fullmatch(subject)):
        raise ValueError(f"{subject}: no subject of a job in an environment")
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "iat": now,
        "exp": now + _LIFETIME_SECONDS,
        "repository": f"{job['owner']}/{job['name']}",
        "repository_owner": job["owner"],
        "environment": job["environment"],
    }
    if job["id"]:
        claims |= {"repository_id": job["id"], "repository_owner_id": job["owner_id"]}
    key = _signing_key(home)
    header = {"alg": _ALGORITHM, "typ": "JWT", "kid": key.thumbprint()}
    return jwt.encode(header, claims, key, [_ALGORITHM])


def public_keys(home: TwinHome) -> dict[str, Any]:
    """Return the issuer's keys as it publishes them: a JSON Web Key Set (RFC 7517, section 5)."""
    key = _signing_key(home)
    public = key.as_dict(private=False, kid=key.thumbprint(), use="sig", alg=_ALGORITHM)
    return {"keys": [public]}


def verify_token(home: TwinHome, token: str) -> dict[str, Any]:
    """
    Return the claims of a token.

    Raises:
        ValueError: another issuer signed the token, or it has expired.
    """
    try:
        claims = jwt.decode(token, _signing_key(home), [_ALGORITHM]).claims
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
