"""
Signatures of requests: Signature Version 4, in a header or in the query of a presigned URL.

The chunk signatures of a streamed upload (STREAMING-AWS4-HMAC-SHA256-PAYLOAD) are not checked.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.request import EnvironHeaders
from werkzeug.wrappers import Request

from twin.aws.errors import JSON_SERVICES, AwsServiceError

BODY_HASH: Final = "bulwark.body_sha256"
"""The key in a WSGI environment of the SHA-256 of the request's body, in hexadecimal digits."""

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_HEADER: Final = re.compile(
    rf"{_ALGORITHM} +Credential=(?P<credential>[^, ]+), *SignedHeaders=(?P<headers>[^, ]+),"
    r" *Signature=(?P<signature>[0-9a-f]{64})"
)
_SCOPE: Final = re.compile(
    r"(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
)
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_EMPTY_HASH: Final = hashlib.sha256(b"").hexdigest()
_CONTENT_HASH: Final = "x-amz-content-sha256"
_MAX_SKEW: Final = timedelta(minutes=15)
_MAX_EXPIRY_SECONDS: Final = 7 * 24 * 3600
_SIGNING_NAMES: Final = {"s3control": "s3"}


@dataclass(frozen=True)
class RequestSignature:
    """The parts of a signature."""

    access_key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    """Names of the headers that are signed, in lower case."""

    signature: str
    time: str
    """When the request was signed, such as 20261127T120000Z."""

    expires_seconds: int | None = None
    """How long a presigned URL is good; None if the signature is in a header."""


def hash_body(environ: dict[str, Any], body: bytes) -> None:
    """Note the hash of a signed request's body, unless the sender did not sign it."""
    declared = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if environ.get("HTTP_AUTHORIZATION") and (not declared or _HASH.fullmatch(declared)):
        environ[BODY_HASH] = hashlib.sha256(body).hexdigest()


def read_signature(request: Request) -> RequestSignature | None:
    """
    Return a request's signature; None for a request without one.

    Raises:
        AwsServiceError: it has two, or one that is no Signature Version 4.
    """
    header = request.headers.get("authorization", "")
    query = {name.lower(): value for name, value in request.args.items()}
    presigned = "x-amz-algorithm" in query or "x-amz-credential" in query or "x-amz-signature" in query
    if not header and not presigned:
        if "awsaccesskeyid" in query:
            raise _unsupported_error()
        return None
    if header and presigned:
        raise AwsServiceError(400, "InvalidArgument", "Only one auth mechanism allowed")
    if header:
        match = _HEADER.fullmatch(header)
        if match is None:
            raise _unsupported_error()
        parts = match["credential"], match["headers"], match["signature"]
        time, expires = request.headers.get("x-amz-date", ""), None
    else:
        names = ("credential", "signedheaders", "signature", "date", "expires", "algorithm")
        credential, headers, signature, time, seconds, algorithm = (
            query.get(f"x-amz-{name}", "") for name in names
        )
        if algorithm != _ALGORITHM or not seconds.isdecimal():
            raise _unsupported_error()
        parts, expires = (credential, headers, signature), int(seconds)
    scope = _SCOPE.fullmatch(parts[0])
    if scope is None:
        raise _unsupported_error()
    return RequestSignature(
        scope["key"],
        scope["date"],
        scope["region"],
        scope["service"],
        tuple(parts[1].split(";")),
        parts[2],
        time,
        expires,
    )


def check_signature(request: Request, signature: RequestSignature, secret: str, service: str) -> None:
    """
    Compare a signature with the one that the key's owner would make.

    Raises:
        AwsServiceError: the request is not as it was signed, or it was signed too long ago.
    """
    headers = {name.lower(): value for name, value in EnvironHeaders(request.environ).items()}
    _check_time(signature, service)
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signature.headers]
    if unsigned:
        message = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        raise AwsServiceError(403, "AccessDenied", message)
    right_service = signature.service == _SIGNING_NAMES.get(service, service)
    expected = _sign(request, signature, secret, {name: headers.get(name, "") for name in signature.headers})
    if not (
        right_service and "host" in signature.headers and hmac.compare_digest(expected, signature.signature)
    ):
        raise _mismatch_error(service)
    body, declared = request.environ.get(BODY_HASH, _EMPTY_HASH), headers.get(_CONTENT_HASH, "")
    if _HASH.fullmatch(declared) and declared != body:
        message = f"The provided '{_CONTENT_HASH}' header does not match what was computed."
        raise AwsServiceError(400, "XAmzContentSHA256Mismatch", message)


class _Signer(SigV4Auth):
    body_hash = _EMPTY_HASH

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's
        return self.body_hash


class _S3Signer(S3SigV4Auth):
    body_hash = _EMPTY_HASH

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's
        return self.body_hash


def _sign(request: Request, signature: RequestSignature, secret: str, headers: dict[str, str]) -> str:
    # The path and the query as they were sent: decoded and encoded again they might not be what was signed.
    path, _, query = request.environ["REQUEST_URI"].partition("?")
    if signature.expires_seconds is not None:
        query = "&".join(part for part in query.split("&") if not _is_signature(part))
    signed = AWSRequest(request.method, f"http://{request.host}{path}?{query}", headers)
    signed.context["timestamp"] = signature.time
    kind = _S3Signer if signature.service == "s3" else _Signer
    signer = kind(Credentials(signature.access_key, secret), signature.service, signature.region)
    signer.body_hash = request.environ.get(BODY_HASH, _EMPTY_HASH)
    if signature.service == "s3" and signature.expires_seconds is not None:
        signer.body_hash = "UNSIGNED-PAYLOAD"
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    return signer.signature(text, signed)


def _is_signature(part: str) -> bool:
    return parse_qsl(part)[:1] != [] and parse_qsl(part)[0][0].lower() == "x-amz-signature"


def _check_time(signature: RequestSignature, service: str) -> None:
    try:
        signed_at = datetime.strptime(signature.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _mismatch_error(service) from None
    if not signature.time.startswith(signature.date):
        raise _mismatch_error(service)
    now = datetime.now(UTC)
    lifetime = signature.expires_seconds
    if lifetime is None:
        if abs(now - signed_at) > _MAX_SKEW:
            message = "The difference between the request time and the current time is too large."
            raise AwsServiceError(403, "RequestTimeTooSkewed", message)
    elif lifetime > _MAX_EXPIRY_SECONDS or not -_MAX_SKEW <= now - signed_at <= timedelta(seconds=lifetime):
        raise AwsServiceError(403, "AccessDenied", "Request has expired")


def _unsupported_error() -> AwsServiceError:
    message = f"The authorization mechanism you have provided is not supported. Please use {_ALGORITHM}."
    return AwsServiceError(400, "InvalidRequest", message)


def _mismatch_error(service: str) -> AwsServiceError:
    code = "InvalidSignatureException" if service in JSON_SERVICES else "SignatureDoesNotMatch"
    message = "The request signature we calculated does not match the signature you provided."
    return AwsServiceError(403, code, f"{message} Check your key and signing method.")
