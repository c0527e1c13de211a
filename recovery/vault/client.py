"""The S3 client that vaults are reached with."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from botocore.utils import parse_timestamp

from core.failure import Failure

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


_SECRET: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|https?://\S+")
_AGAIN: Final = "Nothing half done is in the way of another run."


class Missing(Failure):
    """The vault has no such object, or no such version of it."""


class Forbidden(Failure):
    """The vault is there, and the credentials may not do this."""


class Exists(Failure):
    """The key is taken; what lies there was left as it is."""


class Damaged(Failure):
    """What is in the vault, or what came out of it, is not what went in."""


_EXPIRED: Final = (
    "the credentials have expired",
    "get new ones and run this again; in CI, let the role's session last longer than the longest run.",
)
_WRONG: Final = (
    "the credentials are not accepted",
    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the role that is assumed; all"
    " three must come from the same place.",
)
_ROLES: Final = (
    "backups are written as writer_role, and read and restored as restorer_role (./bulwark outputs)"
)
_FORBIDDEN: Final = ("the credentials may not do this", f"take on the role for it: {_ROLES}.")
_CLOCK: Final = (
    "this machine's clock is wrong by more than S3 accepts (15 minutes)",
    f"set the clock (NTP), then run this again. {_AGAIN}",
)
_REGION: Final = ("the vault lies in another region", "give the vault's own region.")
_BUSY: Final = (
    "the vault answered that it is overloaded or failing, each time that it was asked",
    f"wait some minutes, then run this again; see AWS's health page if it goes on. {_AGAIN}",
)
_DAMAGED: Final = (
    "what arrived at the vault is not what was sent, and it was refused",
    f"run this again; if it goes on, suspect this machine's memory or a proxy. {_AGAIN}",
)
_KMS: Final = (
    "the vault's KMS key can't be used",
    "see that the key is enabled, not about to be deleted, and that the role may use it.",
)
_BUCKET: Final = (
    "there is no such bucket",
    "check the stack's outputs and the account that the credentials belong to; ./bulwark up makes vaults.",
)
_MISSING: Final = ("it is not there", "list what is: ./bulwark backups. The other vault may still have it.")

_CAUSES: Final = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId"), _WRONG
    ),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "403", "MethodNotAllowed"), _FORBIDDEN),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), _CLOCK),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"),
        _REGION,
    ),
    **dict.fromkeys(
        ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"),
        _BUSY,
    ),
    **dict.fromkeys(
        ("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"), _DAMAGED
    ),
    "NoSuchBucket": _BUCKET,
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "404"), _MISSING),
}
_KINDS: Final[Mapping[tuple[str, str], type[Failure]]] = {
    _FORBIDDEN: Forbidden,
    _MISSING: Missing,
    _DAMAGED: Damaged,
}
_TELLING: Final = frozenset((_FORBIDDEN, _KMS))
"""Where the vault's own words add something: who may not do what."""

DAMAGE_CODES: Final = frozenset(code for code, cause in _CAUSES.items() if cause is _DAMAGED)


def code(error: BaseException) -> str:
    """Return S3's error code; a HEAD has only the status, such as `404`. Empty if no server answered."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def failure_of(error: Exception, doing: str) -> Failure:
    """Say what `error` means; `doing` names the object, such as `Storing a/b in vault v`."""
    if isinstance(error, ClientError):
        return _answered(error, doing)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Failure(
            f"{doing} failed: there are no credentials for the vault, or not all of them.",
            f"set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE; {_ROLES}.",
        )
    if isinstance(error, SSLError):
        return Failure(
            f"{doing} failed: the vault's certificate is not trusted, or TLS is broken on the way.",
            "do not go on with this network; a company proxy's certificate goes into AWS_CA_BUNDLE.",
        )
    # The text of these holds the request's URL.
    return Failure(
        f"{doing} failed: the vault can't be reached, or the connection broke each time.",
        f"check the network and the proxy (HTTPS_PROXY), then run this again. {_AGAIN}",
        type(error).__name__,
    )


@contextmanager
def explained(doing: str) -> Generator[None]:
    """Raise what botocore raises as a Failure, without its text, which may hold URLs."""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPClientError) as error:
        raise failure_of(error, doing) from None


def _answered(error: ClientError, doing: str) -> Failure:
    what = code(error)
    said = _SECRET.sub("...", str(error.response.get("Error", {}).get("Message", "")))
    cause = _KMS if what.startswith("KMS.") else _CAUSES.get(what)
    if cause is None:
        return Failure(
            f"{doing} failed: the vault answered {what} to {error.operation_name}.",
            f"look into what it said, then run this again. {_AGAIN}",
            said,
        )
    text, next_step = cause
    detail = f"{error.operation_name}: {said}" if cause in _TELLING else ""
    return _KINDS.get(cause, Failure)(f"{doing} failed: {text}.", next_step, detail)
