"""
The credentials of the roles that back up and restore.

In production they are the environment's: a job's OIDC token or a person's profile became those of one role.
On the twin each command takes on its role as a job would, so that what a role may not do shows here first.
"""

from typing import Final, Literal

from core.failure import Failure
from engine.stack_target import StackTarget
from recovery.vault.client import AccessKey

VaultRole = Literal["writer", "restorer"]

_NAMES: Final[dict[VaultRole, str]] = {"writer": "backup-writer", "restorer": "backup-restorer"}
"""Role -> its name at IAM, less the platform's (components/identity.py)."""


def deployer_credentials(space: StackTarget) -> AccessKey | None:
    """Return the key of whoever deploys: on the twin its administrator, who makes the roles at first."""
    return AccessKey("twin", "twin") if space.twin else None


def require(space: StackTarget, role: VaultRole) -> None:
    """
    See to it that whoever runs this is that role, and nobody who may do more.

    Raises:
        Failure: it is somebody else.
    """
    import boto3  # noqa: PLC0415 - as in key_of
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    key, backups = role_credentials(space, role), space.settings.backups
    endpoint = f"http://127.0.0.1:{space.twin.port('aws')}" if space.twin else None
    name = f"{space.settings.platform.name}-{_NAMES[role]}"
    step = f"run it from the workflow that takes on the role {name} (OIDC); the role trusts nobody else."
    try:
        who = boto3.client(
            "sts",
            region_name=backups.region,
            endpoint_url=endpoint,
            aws_access_key_id=key.id if key else None,
            aws_secret_access_key=key.secret if key else None,
            aws_session_token=key.token if key else None,
        ).get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError) as error:
        raise Failure("Nobody knows who runs this: AWS has not told.", step, str(error)) from None
    if f":assumed-role/{name}/" not in who:
        raise Failure(f"This runs as {who}, who may do more than {name}; it needs no more.", step)


def role_credentials(space: StackTarget, role: VaultRole) -> AccessKey | None:
    """
    Return a session of the role; None where the environment has the credentials.

    Raises:
        Failure: where the role does not trust the stack's repository and environment.
    """
    if not space.twin:
        return None
    import boto3  # noqa: PLC0415 - a second, which only those pay who get this far
    from botocore import UNSIGNED  # noqa: PLC0415 - the same
    from botocore.config import Config  # noqa: PLC0415 - the same
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    from twin.aws.issuer import issued  # noqa: PLC0415 - only the twin needs it

    platform, backups = space.settings.platform, space.settings.backups
    environment = backups.backup_environment if role == "writer" else backups.restore_environment
    arn = f"arn:aws:iam::{backups.account}:role/{platform.name}-{_NAMES[role]}"
    sts = boto3.client(
        "sts",
        region_name=backups.region,
        endpoint_url=f"http://127.0.0.1:{space.twin.port('aws')}",
        config=Config(signature_version=UNSIGNED, proxies={}),
    )
    try:
        given = sts.assume_role_with_web_identity(
            RoleArn=arn,
            RoleSessionName="bulwark",
            WebIdentityToken=issued(space.twin, repository=platform.repository, environment=environment),
        )["Credentials"]
    except (BotoCoreError, ClientError) as error:
        raise Failure(
            f"The role {arn} can't be assumed from {platform.repository}, environment {environment}.",
            "deploy the stack, so that the role trusts what the settings name: ./bulwark up.",
            str(error),
        ) from None
    return AccessKey(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
