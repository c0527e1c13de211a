"""The S3 client that vaults are reached with."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from toolchain.failure import Failure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_CONNECT_SECONDS: Final = 10.0
"""Also of each 128 KiB that is sent: botocore sends files in such blocks, and bytes all at once."""

_ATTEMPTS: Final = 10
"""Of one request. Back-off is random up to 2^n s, at most 20 s: about a minute and a half in total."""


@dataclass(frozen=True)
class AccessKey:
    """A key of an S3 service; one with a token ends by itself."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def client(
    region: str, endpoint: str | None = None, *, attempts: int = _ATTEMPTS, key: AccessKey | None = None
) -> S3Client:
    """
    Return a client with `key`, or with the credentials of the environment, as botocore finds them.

    Raises:
        Failure: where credentials and data would go over the network in clear.
    """
    where = urlsplit(endpoint or "https://")
    local = where.hostname in _LOOPBACK
    if where.scheme != "https" and not local:
        raise Failure(f"The S3 endpoint {where.hostname} has no TLS.", "give its https address.")
    # boto3 would add its transfer manager, of which nothing is used here, and a fifth of a second.
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    made: Any = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=key.id if key else None,
        aws_secret_access_key=key.secret if key else None,
        aws_session_token=(key.token or None) if key else None,
        config=Config(
            signature_version="s3v4",
            # `standard` knows S3's throttling codes and broken connections. `adaptive` would also pace this
            # client, which with three requests at a time is never what S3 throttles.
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=60,
            tcp_keepalive=True,
            max_pool_connections=16,
            proxies={} if local else None,
            s3={"addressing_style": "path" if endpoint else "virtual"},
            user_agent_extra=f"bulwark/{metadata.version('bulwark')}",
            # Every upload here brings checksums of its own: one more, as a trailer of an aws-chunked body,
            # is CPU for nothing, and some S3-protocol servers take no trailers. A download is checked with
            # the SHA-256 of its manifest, over all its resumptions; botocore would see one answer at a time.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    return made


def _moment(told: Any) -> datetime:
    """Read a time: quickly as S3 lists it, for botocore's way takes most of the time of a long listing."""
    if isinstance(told, str) and told.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(told)
    return parse_timestamp(told)
