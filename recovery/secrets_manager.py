"""Reads a secret from AWS Secrets Manager, and says what is wrong where it can't."""

import os
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from core.failure import Failure
from recovery.new_key import NewKeyWait, OnWait, log_wait
from recovery.vault.aws_session import open_session
from recovery.vault.client import error_code

_SECONDS: Final = 10
_PARTS_OF_AN_ARN: Final = 7
_SESSION: Final = (
    "take the role on whose document it is, in a job of its environment (`permissions: id-token: write`), or "
    "name a profile that may read it (AWS_PROFILE)."
)
_DEPLOY: Final = "deploy the stack, which writes it: ./bulwark up; ./bulwark outputs prints its name."


def fetch_secret(name: str, endpoint: str | None = None, on_wait: OnWait = log_wait) -> str:
    """
    Return the value of a secret, with the credentials that botocore finds in the environment.

    Args:
        name: Name or ARN. A name is looked for in the environment's region.
        endpoint: Address of the service; None is AWS's own.
        on_wait: Called before each pause for a key that was just made.

    Raises:
        Failure: there is no such secret, or these credentials may not read it.
    """
    parts = name.split(":")
    region = parts[3] if len(parts) == _PARTS_OF_AN_ARN else os.environ.get("AWS_REGION") or None
    try:
        client: Any = open_session().create_client(
            "secretsmanager",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 4},
                proxies={} if endpoint else None,
            ),
        )
        NewKeyWait(on_wait).watch(client)
        value = client.get_secret_value(SecretId=name).get("SecretString")
    except (NoCredentialsError, PartialCredentialsError):
        raise Failure(
            f"Nothing here may read the secret {name}: there are no credentials.", _SESSION
        ) from None
    except NoRegionError:
        raise Failure(
            f"Nothing says in which region the secret {name} is.", "set AWS_REGION, or give its ARN."
        ) from None
    except ClientError as error:
        raise _explain(name, error_code(error)) from None
    except BotoCoreError as error:
        raise Failure(
            f"AWS Secrets Manager did not answer ({type(error).__name__}).", "run this again."
        ) from None
    if not value:
        raise Failure(f"The secret {name} holds no text.", _DEPLOY)
    return str(value)


def _explain(name: str, code: str) -> Failure:
    """Return the Failure for one of AWS's error codes, without AWS's text, which names the account."""
    if "Expired" in code:
        return Failure(f"The credentials that read the secret {name} have expired.", "get new ones.")
    match code:
        case "ResourceNotFoundException":
            return Failure(f"There is no secret {name}, or it has no value.", _DEPLOY)
        case "AccessDeniedException" | "DecryptionFailure":
            return Failure(f"These credentials may not read the secret {name}.", _SESSION)
        case "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException":
            return Failure(f"AWS does not know the credentials that read the secret {name}.", _SESSION)
        case "InvalidRequestException":
            return Failure(
                f"The secret {name} is marked as deleted.",
                "restore it (aws secretsmanager restore-secret --secret-id NAME), or deploy the stack.",
            )
        case _:
            return Failure(
                f"The secret {name} can't be read: {code or 'an unknown error'}.", "run this again."
            )
