"""The access key of the account's administrator: random, and kept among the secrets of the twin's home."""

from functools import cache
from typing import Final, NamedTuple

from twin.host.home import TwinHome

_ID_CHARACTERS: Final = 16
"""Characters after `AKIA`, as in an access key of AWS."""


class AdministratorKey(NamedTuple):
    """An access key without a session."""

    id: str
    secret: str


@cache
def administrator_key(home: TwinHome) -> AdministratorKey:
    """Return the administrator's access key; the first call draws it."""
    drawn = home.secret("aws-administrator-key-id")
    return AdministratorKey(
        f"AKIA{drawn[:_ID_CHARACTERS].upper()}", home.secret("aws-administrator-secret-key")
    )
