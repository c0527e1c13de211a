"""How a vault in another AWS account is reached: a job takes on a role there, and a person signs in there."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from core.failure import Failure
from recovery.attestation import find_job_identity
from recovery.vault.aws_session import open_session
from recovery.vault.client import AccessKey, error_code

_AUDIENCE: Final = "sts.amazonaws.com"
_SESSION_NAME: Final = "bulwark"
_SESSION_SECONDS: Final = 3600
_TIMEOUT_SECONDS: Final = 10


@dataclass(frozen=True)
class AccountAccess:
    """The ways into an account that is not that of the credentials at hand."""

    region: str
    role: str = ""
    """ARN of the role that a job of GitHub takes on with its own token; empty if there is none."""

    profile: str = ""
    """AWS profile that signs in there, where this is no such job."""

    session_seconds: int = _SESSION_SECONDS
    """How long the role's session lasts."""

    def find_key(self, environment: Mapping[str, str] | None = None) -> AccessKey | None:
        """
        Return the access key; None where there is neither such a job nor such a profile.

        Raises:
            Failure: the role can't be taken on, or the profile does not sign in.
        """
        if self.role and (issue_token := find_job_identity(environment)):
            token = issue_token(_AUDIENCE)
            return take_on_as_job(self.role, token, self.region, session_seconds=self.session_seconds)
        return _sign_in(self.profile) if self.profile else None


def take_on_as_job(
    role: str,
    token: str,
    region: str,
    endpoint: str | None = None,
    *,
    session_seconds: int = _SESSION_SECONDS,
) -> AccessKey:
    """
    Exchange a job's OIDC token for a session of a role.

    Raises:
        Failure: the role does not trust the job.
    """
    with _explain_errors(role):
        return _read(
            _create_sts(region, endpoint, None).assume_role_with_web_identity(
                RoleArn=role,
                RoleSessionName=_SESSION_NAME,
                WebIdentityToken=token,
                DurationSeconds=session_seconds,
            )
        )


def take_on(role: str, key: AccessKey, region: str, endpoint: str | None = None) -> AccessKey:
    """
    Take on a role with a session of another one.

    Raises:
        Failure: the role does not trust the other one.
    """
    with _explain_errors(role):
        return _read(
            _create_sts(region, endpoint, key).assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        )


def _sign_in(profile: str) -> AccessKey | None:
    try:
        credentials = open_session(profile=profile).get_credentials()
        given = credentials.get_frozen_credentials() if credentials else None
    except ProfileNotFound:
        return None
    except (BotoCoreError, ClientError) as error:
        raise Failure(
            f"The AWS profile {profile} does not sign in.",
            f"sign in: aws sso login --profile {profile}; or correct the profile (aws configure list).",
            type(error).__name__,
        ) from None
    if given is None or not given.access_key or not given.secret_key:
        return None
    return AccessKey(given.access_key, given.secret_key, given.token or "")


def _create_sts(region: str, endpoint: str | None, key: AccessKey | None) -> Any:
    signed = {} if key else {"signature_version": UNSIGNED}
    return open_session().create_client(
        "sts",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=key.id if key else None,
        aws_secret_access_key=key.secret if key else None,
        aws_session_token=(key.token or None) if key else None,
        config=Config(
            connect_timeout=_TIMEOUT_SECONDS,
            read_timeout=_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 4},
            proxies={} if endpoint else None,
            **signed,
        ),
    )


def _read(response: Mapping[str, Any]) -> AccessKey:
    given = response["Credentials"]
    return AccessKey(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


@contextmanager
def _explain_errors(role: str) -> Generator[None]:
    """Raise Failure for an error of STS; its text, which may hold the token, is left out."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(
            f"The role {role} can't be taken on.",
            "see that the account exists, and deploy the stack: the role trusts what the settings say.",
            error_code(error) or type(error).__name__,
        ) from None
