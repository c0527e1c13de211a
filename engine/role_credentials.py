"""
Credentials of the roles that back up and restore.

In production the environment has them: a job's OIDC token, or a person's profile, was exchanged for those of
one role. On the twin each command takes the role on as a job would.
"""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from components.guard import RESTORER, WRITER
from components.settings import Settings
from core.failure import Failure
from engine.stack_target import AwsRole, StackTarget
from recovery.vault.account_access import take_on_as_job
from recovery.vault.aws_session import open_session
from recovery.vault.client import AccessKey

_NAMES: Final[dict[AwsRole, str]] = {"writer": WRITER, "restorer": RESTORER}
"""Role -> its name at IAM after the platform's, where the two differ."""


def environment_of(role: AwsRole, settings: Settings) -> str:
    """Return the GitHub environment whose jobs may take the role on."""
    return settings.vaults.role_environments[_NAMES.get(role, role)]


def assume_role(role: AwsRole, settings: Settings, *, endpoint: str, token: str) -> AccessKey:
    """
    Exchange an OIDC token for a session of the role.

    Raises:
        Failure: the role does not trust the stack's repository and environment.
    """
    platform, backups = settings.platform, settings.vaults
    arn = f"arn:aws:iam::{backups.account}:role/{platform.name}-{_NAMES.get(role, role)}"
    try:
        return take_on_as_job(arn, token, backups.region, endpoint)
    except Failure:
        raise Failure(
            f"The role {arn} can't be assumed by {platform.subject(environment_of(role, settings))}.",
            "deploy the stack, so that the role trusts what the settings name: ./bulwark up.",
        ) from None


def require_role(target: StackTarget, role: AwsRole) -> None:
    """
    Make sure that the credentials in use are those of the role, and of no one who may do more.

    Raises:
        Failure: they are not, or AWS does not answer.
    """
    key = target.role_credentials(role)
    name = f"{target.settings.platform.name}-{_NAMES.get(role, role)}"
    step = f"run it from the workflow that takes on the role {name} (OIDC); the role trusts nobody else."
    caller = find_caller(target, key, next_step=step)
    if f":assumed-role/{name}/" not in caller:
        raise Failure(f"This runs as {caller}, who may do more than {name}; it needs no more.", step)


def find_caller(
    target: StackTarget,
    key: AccessKey | None,
    *,
    next_step: str = "give AWS credentials that are valid (AWS_PROFILE, or a job's role).",
) -> str:
    """
    Return the ARN of whose credentials these are; those of the environment, without a key.

    Raises:
        Failure: AWS does not answer.
    """
    try:
        return (
            open_session()
            .create_client(
                "sts",
                region_name=target.settings.vaults.region,
                endpoint_url=target.aws_endpoint,
                aws_access_key_id=key.id if key else None,
                aws_secret_access_key=key.secret if key else None,
                aws_session_token=key.token if key else None,
            )
            .get_caller_identity()["Arn"]
        )
    except (BotoCoreError, ClientError) as error:
        raise Failure(
            "The credentials in use are not known: AWS did not answer.", next_step, str(error)
        ) from None
