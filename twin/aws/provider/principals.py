"""Refuses policies with a principal that does not exist, as AWS does and moto doesn't."""

import re
from typing import Any

from twin.aws.provider.account import Account, call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.documents import list_principals

_ROLE = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")
_ACCEPTED = re.compile(r"\*|\d{12}|arn:aws[\w-]*:(iam|sts)::\d{12}:.+")


def check_principals(account: Account, document: Any, action: str, code: str) -> None:
    """
    Raise AwsCallError for malformed AWS principals and for roles that the account does not have.

    Roles of other accounts are accepted: the twin cannot read those accounts.
    """
    for principal in list_principals(document, "AWS"):
        role = _ROLE.fullmatch(principal)
        missing = (
            role is not None
            and role[1] == account.id
            and call_or_none(
                lambda name=role[2]: account.client("iam").get_role(RoleName=name), "NoSuchEntity"
            )
            is None
        )
        if missing or not _ACCEPTED.fullmatch(principal):
            raise AwsCallError(action, code, f"Invalid principal in policy: {principal}")
