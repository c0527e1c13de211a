"""The address of a database, as a text."""

from typing import Final
from urllib.parse import urlsplit

REACH_VARIABLE: Final = "BULWARK_REACH_DATABASE"
"""
Environment variable of a function, as `module:name`, which makes the address that is connected to.

A server on this machine that stands for the vendor's may have another one than production's, and no TLS.
"""


def remove_password(url: str) -> str:
    """Return the address without its password; the user stays."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
