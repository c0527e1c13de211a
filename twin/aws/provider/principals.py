"""AWS refuses a resource policy that names a principal which does not exist."""

import re
from typing import Any

from twin.aws.provider.account import Account, answer
from twin.aws.provider.creations import RefusedError
from twin.aws.provider.documents import principals

_ROLE = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")
_ACCEPTED = re.compile(r"\*|\d{12}|arn:aws[\w-]*:(iam|sts)::\d{12}:.+")


def demand_principals(account: Account, document: Any, doing: str, code: str) -> None:
    """
    Refuse malformed AWS principals and roles of the own account that are not there.

    Roles of other accounts are taken on trust: the twin cannot look there.
    """
    for principal in principals(document, "AWS"):
        role = _ROLE.fullmatch(principal)
        missing = (
            role is not None
            and role[1] == account.id
            and answer(lambda name=role[2]: account.client("iam").get_role(RoleName=name), "NoSuchEntity")
            is None
        )
        if missing or not _ACCEPTED.fullmatch(principal):
            raise RefusedError(doing, code, f"Invalid principal in policy: {principal}")
