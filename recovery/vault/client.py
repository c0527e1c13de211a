"""The S3 client of vaults, and the Failure that stands for each of S3's errors."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from botocore.utils import parse_timestamp

from core.failure import Failure
from recovery.vault.aws_session import open_session
from recovery.vault.listing_pages import read_pages_quickly

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_CONNECT_SECONDS: Final = 10.0
"""Also the time limit of each 128 KiB sent: botocore sends files in such blocks, and bytes all at once."""

_CHECKSUM_PARAMETERS: Final = frozenset(
    (
        *("ChecksumAlgorithm", "ChecksumCRC32", "ChecksumSHA256", "ChecksumType", "ChecksumMode"),
        "MpuObjectSize",
    )
)
_ATTEMPTS: Final = 10
"""Attempts per request. Back-off is random up to 2^n s, at most 20 s: about a minute and a half in total."""


@dataclass(frozen=True)
class AccessKey:
    """An access key of an S3 service; a key with a session token expires."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def create_client(
    region: str,
    endpoint: str | None = None,
    *,
    attempts: int = _ATTEMPTS,
    access_key: AccessKey | None = None,
    portable: bool = False,
) -> S3Client:
    """
    Return a client with `access_key`, or with the credentials that botocore finds in the environment.

    With `portable` its requests have no checksum but Content-MD5, which every S3 service takes.

    Raises:
        Failure: the endpoint has no TLS and is not on this machine.
    """
    address = urlsplit(endpoint or "https://")
    is_loopback = address.hostname in _LOOPBACK
    if address.scheme != "https" and not is_loopback:
        raise Failure(f"The S3 endpoint {address.hostname} has no TLS.", "give its https address.")
    # boto3 would add a transfer manager, which is not used here, and take a fifth of a second longer.
    session = open_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_timestamp)
    s3_client: Any = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=access_key.id if access_key else None,
        aws_secret_access_key=access_key.secret if access_key else None,
        aws_session_token=(access_key.token or None) if access_key else None,
        config=Config(
            signature_version="s3v4",
            # `standard` knows S3's throttling codes and broken connections. `adaptive` would also limit the
            # request rate, which three requests at a time do not need.
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=60,
            tcp_keepalive=True,
            max_pool_connections=16,
            proxies={} if is_loopback else None,
            s3={"addressing_style": "path" if endpoint else "virtual"},
            # botocore would put together one of its own, part by part, for each request.
            user_agent=f"bulwark/{metadata.version('bulwark')}",
            # Every upload here sends checksums of its own. Another one, in a trailer of an aws-chunked body,
            # costs CPU, and some S3-protocol servers refuse trailers. A download is compared with the SHA-256
            # of its manifest, across all resumptions; botocore would check each response by itself.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    read_pages_quickly(s3_client)
    if portable:
        s3_client.meta.events.register("provide-client-params.s3", _leave_out_checksums)
        s3_client.meta.events.register("before-call.s3", _use_content_md5)
    return s3_client


def _leave_out_checksums(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Return the parameters of a request without S3's checksums.

    Backblaze B2 answers 400 to each of their headers (its documentation of the S3-compatible API,
    "Unsupported features"; https://github.com/iterate-ch/cyberduck/issues/15841).
    """
    kept = {name: value for name, value in params.items() if name not in _CHECKSUM_PARAMETERS}
    upload = kept.get("MultipartUpload")
    if upload:
        parts = [
            {name: value for name, value in part.items() if name not in _CHECKSUM_PARAMETERS}
            for part in upload["Parts"]
        ]
        kept["MultipartUpload"] = {"Parts": parts}
    return kept


def _use_content_md5(params: dict[str, Any], **_: Any) -> None:
    """Send Content-MD5 where botocore would add a checksum because the operation asks for one."""
    checksum = params["context"].pop("checksum", {})
    body = params.get("body")
    if (
        checksum.get("request_algorithm")
        and isinstance(body, bytes)
        and "Content-MD5" not in params["headers"]
    ):
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _parse_timestamp(value: Any) -> datetime:
    """Parse a time. botocore's own parser takes most of the time of a long listing in S3's format."""
    if isinstance(value, str) and value.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    return parse_timestamp(value)


_SECRET: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|https?://\S+")
_SAFE_TO_REPEAT: Final = "Nothing half done is in the way of another run."


class Missing(Failure):
    """The vault has no such object, or no such version of the object."""


class Forbidden(Failure):
    """The vault exists, and the credentials do not permit the request."""


class Exists(Failure):
    """The key is taken; the existing object was not changed."""


class Damaged(Failure):
    """The bytes in the vault, or the downloaded bytes, differ from those that were stored."""


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
    "backups are written as writer_role, those of the state as state_writer_role, and read and restored as "
    "restorer_role (./bulwark outputs)"
)
_FORBIDDEN: Final = ("the credentials may not do this", f"take on the role for it: {_ROLES}.")
_CLOCK: Final = (
    "this machine's clock is wrong by more than S3 accepts (15 minutes)",
    f"set the clock (NTP), then run this again. {_SAFE_TO_REPEAT}",
)
_REGION: Final = ("the vault lies in another region", "give the vault's own region.")
_BUSY: Final = (
    "the vault answered that it is overloaded or failing, each time that it was asked",
    f"wait some minutes, then run this again; see AWS's health page if it goes on. {_SAFE_TO_REPEAT}",
)
_DAMAGED: Final = (
    "what arrived at the vault is not what was sent, and it was refused",
    f"run this again; if it goes on, suspect this machine's memory or a proxy. {_SAFE_TO_REPEAT}",
)
_OTHER_VAULT: Final = "Each other vault has a key of its own: --vault reads from one of them."
_KMS: Final = (
    "the vault's KMS key can't be used",
    f"see that the key exists and that the role may use it. {_OTHER_VAULT}",
)
_KMS_DISABLED: Final = (
    "the vault's KMS key is disabled, so nothing can be read or added",
    f"find out who did it, then enable the key (aws kms enable-key). {_OTHER_VAULT}",
)
_KMS_ENDING: Final = (
    "the vault's KMS key is about to be deleted, and with it everything in the vault",
    f"cancel that at once (aws kms cancel-key-deletion, then enable-key). {_OTHER_VAULT}",
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
    "KMS.DisabledException": _KMS_DISABLED,
    "KMS.KMSInvalidStateException": _KMS_ENDING,
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "404"), _MISSING),
}
_FAILURE_TYPES: Final[Mapping[tuple[str, str], type[Failure]]] = {
    _FORBIDDEN: Forbidden,
    _MISSING: Missing,
    _DAMAGED: Damaged,
}
_DETAILED_CAUSES: Final = frozenset((_FORBIDDEN, _KMS, _KMS_DISABLED, _KMS_ENDING))
"""Causes for which the vault's own message is added: it names the principal and the action."""

DAMAGE_CODES: Final = frozenset(name for name, cause in _CAUSES.items() if cause is _DAMAGED)


def error_code(error: BaseException) -> str:
    """Return S3's error code; of a HEAD its status, such as `404`. Empty if no server responded."""
    if not isinstance(error, ClientError):
        return ""
    return _read_text(error, "Code")


def _read_text(error: ClientError, name: Literal["Code", "Message"]) -> str:
    value: Any = error.response.get("Error", {}).get(name, "")  # of an odd server None or an object
    return str(value)


def failure_of(error: Exception, action: str) -> Failure:
    """Return the Failure for an error of botocore; `action` is such as `Storing a/b in vault v`."""
    if isinstance(error, ClientError):
        return _failure_of_response(error, action)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Failure(
            f"{action} failed: there are no credentials for the vault, or not all of them.",
            f"set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE; {_ROLES}.",
        )
    if isinstance(error, SSLError):
        return Failure(
            f"{action} failed: the vault's certificate is not trusted, or TLS is broken on the way.",
            "do not go on with this network; a company proxy's certificate goes into AWS_CA_BUNDLE.",
        )
    # Not the error's text: it holds the request's URL.
    return Failure(
        f"{action} failed: the vault can't be reached, or the connection broke each time.",
        f"check the network and the proxy (HTTPS_PROXY), then run this again. {_SAFE_TO_REPEAT}",
        type(error).__name__,
    )


@contextmanager
def explain_errors(action: str) -> Generator[None]:
    """Convert errors of botocore into Failure, without their text, which may hold URLs."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise failure_of(error, action) from None


def _failure_of_response(error: ClientError, action: str) -> Failure:
    name = error_code(error)
    message = _SECRET.sub("...", _read_text(error, "Message"))
    cause = _CAUSES.get(name) or (_KMS if name.startswith("KMS.") else None)
    if cause is None:
        return Failure(
            f"{action} failed: the vault answered {name} to {error.operation_name}.",
            f"look into what it said, then run this again. {_SAFE_TO_REPEAT}",
            message,
        )
    text, next_step = cause
    detail = f"{error.operation_name}: {message}" if cause in _DETAILED_CAUSES else ""
    return _FAILURE_TYPES.get(cause, Failure)(f"{action} failed: {text}.", next_step, detail)
