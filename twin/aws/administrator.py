"""The access key of the account's administrator: random, and kept among the secrets of the twin's home."""

import secrets
import string
from functools import cache
from typing import Final, NamedTuple

from twin.host.home import TwinHome

_LETTERS: Final = string.ascii_uppercase + string.digits
_ID_LETTERS: Final = 16
"""Letters after `AKIA`, as in an access key of AWS."""


class AdministratorKey(NamedTuple):
    """An access key without a session."""

    id: str
    secret: str


@cache
def administrator_key(home: TwinHome) -> AdministratorKey:
    """Return the administrator's access key; the first call draws it."""
    return AdministratorKey(home.secret("aws_access_key_id", _draw_id), home.secret("aws_secret_access_key"))


def _draw_id() -> str:
    return f"AKIA{''.join(secrets.choice(_LETTERS) for _ in range(_ID_LETTERS))}"
