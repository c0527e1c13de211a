"""The address of a database, as a text."""

from urllib.parse import urlsplit


def remove_password(url: str) -> str:
    """Return the address without its password; the user stays."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
