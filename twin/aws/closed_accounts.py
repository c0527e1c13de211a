"""
Accounts that are closed: AWS refuses every call of theirs, and every call to what is theirs.

AWS documents that nothing of a closed account can be used (Account Management Reference Guide, "Close an AWS
account"), and not with which error. The codes are S3's for an account with a problem and for a bucket without
access (Amazon S3 API Reference, "Error responses"), and elsewhere that of a refusal.
"""

import os
from pathlib import Path
from typing import Final

from core.state_folder import HOME_VARIABLE
from twin.aws.errors import AwsServiceError
from twin.host.home import TwinHome

_FOLDER: Final = "closed"
_PROBLEM: Final = (
    "There is a problem with your AWS account that prevents the operation from completing successfully."
)


def close_account(home: TwinHome, account: str) -> None:
    """Close an account. Nothing opens it again."""
    file = _file(home, account)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(mode=0o600)


def check_caller(account: str, service: str) -> None:
    """Raise AwsServiceError if the caller's account is closed on the twin of the environment."""
    if _is_closed(account):
        raise AwsServiceError(403, "AccountProblem" if service == "s3" else "AccessDenied", _PROBLEM)


def check_owner(account: str) -> None:
    """Raise AwsServiceError if the account that has a bucket, key or role is closed, likewise."""
    if _is_closed(account):
        raise AwsServiceError(403, "AllAccessDisabled", "All access to this object has been disabled.")


def _is_closed(account: str) -> bool:
    root = os.environ.get(HOME_VARIABLE)
    return bool(root and account) and _file(TwinHome(Path(root or "")), account).exists()


def _file(home: TwinHome, account: str) -> Path:
    return home.aws / _FOLDER / account
