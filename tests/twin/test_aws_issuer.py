"""The twin's issuer of OIDC tokens: GitHub's claims, and keys by which anybody can verify them."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_twin import running_service
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from twin.aws.issuer import ISSUER, issue_token, public_keys
from twin.host.home import TwinHome

IMMUTABLE = "repo:example@123456/platform@456789:environment:restore"
NAMES = "repo:example/platform:environment:restore"


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    home = TwinHome(tmp_path / "twin")
    home.create()
    return home


def claims_of(token: str, keys: Any) -> dict[str, Any]:
    """Verify a token by published keys alone; its header names the one to take."""
    return jwt.decode(token, KeySet.import_key_set(keys), ["ES256"]).claims


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [(IMMUTABLE, {"repository_id": "456789", "repository_owner_id": "123456"}), (NAMES, {})],
)
def test_a_token_of_the_issuer_has_githubs_claims_in_either_form(
    home: TwinHome, subject: str, numbers: dict[str, str]
) -> None:
    claims = claims_of(issue_token(home, subject=subject, audience="a-digest"), public_keys(home))
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert claims == {
        "iss": ISSUER,
        "aud": "a-digest",
        "sub": subject,
        "repository": "example/platform",
        "repository_owner": "example",
        "environment": "restore",
        **numbers,
    }


@pytest.mark.parametrize("subject", ["repo:example/platform:ref:refs/heads/main", "example/platform", ""])
def test_the_issuer_gives_out_no_token_of_a_job_outside_of_environments(home: TwinHome, subject: str) -> None:
    with pytest.raises(ValueError, match="no subject of a job in an environment"):
        issue_token(home, subject=subject)


def test_the_issuer_publishes_its_public_keys_alone(tmp_path: Path, home: TwinHome) -> None:
    with running_service(tmp_path / "service") as service:
        answer = httpx.get(f"{service.url}/.well-known/jwks").json()
        token = issue_token(service.home, subject=IMMUTABLE)
        assert claims_of(token, answer)["sub"] == IMMUTABLE
        assert answer == public_keys(service.home)
    assert {name for key in answer["keys"] for name in key} == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    forged = issue_token(home, subject=IMMUTABLE)
    head = token.split(".")[0]
    with pytest.raises(BadSignatureError):
        claims_of(".".join([head, *forged.split(".")[1:]]), answer)
