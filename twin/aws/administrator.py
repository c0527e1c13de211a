"""The access keys of the accounts' administrators: random, and kept among the secrets of the twin's home."""

import secrets
import string
from functools import cache
from typing import Final, NamedTuple

from twin.host.home import TwinHome

ACCOUNT: Final = "123456789012"
"""The twin's own account, moto's default."""

SECOND_ACCOUNT: Final = "210987654321"
"""The account of the replica, whose administrator is another one."""

ACCOUNTS: Final = (ACCOUNT, SECOND_ACCOUNT)
_LETTERS: Final = string.ascii_uppercase + string.digits
_ID_LETTERS: Final = 16
"""Letters after `AKIA`, as in an access key of AWS."""


class AdministratorKey(NamedTuple):
    """An access key without a session."""

    id: str
    secret: str


@cache
def administrator_key(home: TwinHome, account: str = ACCOUNT) -> AdministratorKey:
    """Return the access key of an account's administrator; the first call draws it."""
    of = "" if account == ACCOUNT else f"_{account}"
    return AdministratorKey(
        home.secret(f"aws_access_key_id{of}", _draw_id), home.secret(f"aws_secret_access_key{of}")
    )


def _draw_id() -> str:
    return f"AKIA{''.join(secrets.choice(_LETTERS) for _ in range(_ID_LETTERS))}"
