"""Which S3 services are AWS's own."""

from typing import Final
from urllib.parse import urlsplit

_DOMAINS: Final = (".amazonaws.com", ".amazonaws.com.cn")


def is_aws(endpoint: str) -> bool:
    """Return whether the address of an S3 service is AWS's."""
    return (urlsplit(endpoint).hostname or "").endswith(_DOMAINS)
