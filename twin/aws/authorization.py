"""
IAM in front of moto, which evaluates neither conditions nor resources of policies.

Every request is authorized. An administrator is refused what the policy of a bucket, key or secret denies,
and what the policy of a key or of another account's bucket does not allow. A role's session needs permissions
by the role's policies and its permissions boundary, and by the policy of what it uses: a bucket, key, secret
or role.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.sax.saxutils import escape

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeKey, s3_backends
from werkzeug.wrappers import Request, Response

from twin.aws.administrator import ACCOUNT
from twin.aws.alarm_actions import SERVICES as ALARM_SERVICES
from twin.aws.alarm_actions import list_alarm_permissions
from twin.aws.call_events import record_call
from twin.aws.closed_accounts import check_caller, check_owner
from twin.aws.errors import JSON_SERVICES, AwsServiceError
from twin.aws.evaluation import find_bucket
from twin.aws.evaluation import find_denial as find_policy_denial
from twin.aws.iam_actions import list_iam_permissions
from twin.aws.identities import identify, is_administrator
from twin.aws.key_policies import check_lockout
from twin.aws.key_states import find_state_refusal
from twin.aws.kms_actions import find_key, list_kms_permissions, list_object_key_permissions
from twin.aws.lost_regions import check_region
from twin.aws.policy import Principal, RequiredPermission
from twin.aws.s3_actions import BATCH, list_s3_permissions
from twin.aws.secrets import list_secret_permissions
from twin.aws.sessions import check_assumption
from twin.aws.signatures import read_signature

PRINCIPAL: Final = "bulwark.principal"
"""Where a request's WSGI environment has its sender."""

CALLS: Final = "bulwark.calls"
"""Where it may have a list, to which what trails record of the request is added."""

_ACCOUNT_HEADER: Final = "HTTP_X_MOTO_ACCOUNT_ID"
"""The header by which moto finds the account of a request. What a sender put there is replaced."""

_SECRET_FAILURES: Final = {"kms:Decrypt": "DecryptionFailure", "kms:GenerateDataKey": "EncryptionFailure"}
"""Use of a key -> Secrets Manager's error where the key's state refuses it."""

_BUCKETS: Final = "arn:aws:s3:::"
_SSE: Final = "s3:x-amz-server-side-encryption"

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def add_authorization(service: str, application: Wsgi) -> Wsgi:
    """Return a WSGI application that passes authorized requests to `application`, a service of moto."""

    def authorize(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        try:
            check_region(request)
            environ[PRINCIPAL] = principal = identify(request, service)
            environ[_ACCOUNT_HEADER] = principal.account or ACCOUNT
            if CALLS in environ and (call := record_call(request, service, principal, read_region(request))):
                environ[CALLS].append(call)
            check_caller(principal.account, service)
            _authorize(request, service, principal)
        except AwsServiceError as error:
            return _error_response(service, error)(environ, start_response)
        if isinstance(body := environ["wsgi.input"], io.BytesIO):
            body.seek(0)  # authorization reads a form
        return application(environ, start_response)

    return authorize


def find_denial(environ: dict[str, Any], permission: RequiredPermission) -> str:
    """Return why a request's sender lacks the permission; empty if the sender has it."""
    return find_policy_denial(environ[PRINCIPAL], permission)


def _authorize(request: Request, service: str, principal: Principal) -> None:
    if service == "sts":
        check_assumption(request, principal, read_region(request))
        return
    permissions = _list_permissions(request, service, principal)
    if not permissions and not is_administrator(principal):
        raise AwsServiceError(403, "AccessDenied", "The twin knows no permission for this request.")
    for permission in permissions:
        check_owner(_find_owner(permission))
        if permission.action != BATCH and (reason := find_policy_denial(principal, permission)):
            raise AwsServiceError(403, "AccessDenied", reason)
        if service == "s3":
            _authorize_content(request, principal, permission)
    if service in {"kms", "secretsmanager"}:
        _check_key_states(service, permissions)
    if service == "kms":
        check_lockout(request, principal, read_region(request))


def _find_owner(permission: RequiredPermission) -> str:
    """Return the account of the bucket, or the one that an ARN names; empty if there is none."""
    if permission.resource.startswith(_BUCKETS):
        bucket = find_bucket(permission.resource.removeprefix(_BUCKETS).partition("/")[0])
        return bucket.account_id if bucket else ""
    return permission.resource.split(":")[4] if permission.resource.startswith("arn:") else ""


def read_region(request: Request) -> str:
    """Return the region that a request was signed for."""
    signature = read_signature(request)
    return signature.region if signature else "us-east-1"


def _list_permissions(request: Request, service: str, principal: Principal) -> list[RequiredPermission]:
    region = read_region(request)
    match service:
        case "kms":
            return list_kms_permissions(request, principal.account, region)
        case "secretsmanager":
            return list_secret_permissions(request, principal.account, region)
        case "iam":
            return list_iam_permissions(request, principal.account)
        case "s3":
            return [
                _add_upload_encryption(permission, request) for permission in list_s3_permissions(request)
            ]
        case _ if service in ALARM_SERVICES:
            return list_alarm_permissions(request, service, principal.account, region)
        case _:
            return []


def _authorize_content(request: Request, principal: Principal, permission: RequiredPermission) -> None:
    """Authorize the use of the object's KMS key, and the answer that an object does not exist."""
    bucket_name, _, key = permission.resource.removeprefix("arn:aws:s3:::").partition("/")
    bucket = find_bucket(bucket_name)
    if bucket is None or not key:
        return
    version = _find_version(bucket, key, request.args.get("versionId"))
    # Without ListBucket, S3 does not reveal whether an object exists (S3, GetObject).
    listing = RequiredPermission("s3:ListBucket", f"arn:aws:s3:::{bucket_name}", permission.context)
    if (
        permission.action == "s3:GetObject"
        and version is None
        and (reason := find_policy_denial(principal, listing))
    ):
        raise AwsServiceError(403, "AccessDenied", reason)
    for key_permission in list_object_key_permissions(bucket, version, request, permission):
        key = find_key(key_permission.resource, "", "")
        if key is None and is_administrator(principal):
            continue  # the twin lets a bucket name a key that does not exist
        if reason := find_policy_denial(principal, key_permission):
            raise AwsServiceError(403, "AccessDenied", reason)
        code, text = find_state_refusal(key_permission.action.removeprefix("kms:"), key) if key else ("", "")
        if code:
            raise AwsServiceError(400, f"KMS.{code}Exception", text)


def _check_key_states(service: str, permissions: Iterable[RequiredPermission]) -> None:
    for permission in permissions:
        key = find_key(permission.resource, "", "") if ":key/" in permission.resource else None
        code, text = find_state_refusal(permission.action.removeprefix("kms:"), key) if key else ("", "")
        if code and service == "secretsmanager":
            raise AwsServiceError(400, _SECRET_FAILURES[permission.action], text)
        if code:
            raise AwsServiceError(400, f"{code}Exception", text)


def _add_upload_encryption(permission: RequiredPermission, request: Request) -> RequiredPermission:
    """Add to the context of an uploaded part the encryption that its multipart upload was created with."""
    bucket = find_bucket(permission.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
    upload = bucket.multiparts.get(request.args.get("uploadId", "")) if bucket else None
    if not upload or not upload.sse_encryption:
        return permission
    inherited = {_SSE: upload.sse_encryption} | (
        {f"{_SSE}-aws-kms-key-id": upload.kms_key_id} if upload.kms_key_id else {}
    )
    return RequiredPermission(permission.action, permission.resource, {**permission.context, **inherited})


def _find_version(bucket: FakeBucket, key: str, version: str | None) -> FakeKey | None:
    try:
        object_ = s3_backends[bucket.account_id]["aws"].get_object(bucket.name, key, version_id=version)
    except S3ClientError:
        return None
    return object_ if isinstance(object_, FakeKey) else None


def _error_response(service: str, error: AwsServiceError) -> Response:
    code, message = error.code, error.message
    if service in JSON_SERVICES:
        code = f"{code}Exception" if code == "AccessDenied" else code
        return Response(json.dumps({"__type": code, "message": message}), 400, mimetype="application/json")
    inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = inner if service.startswith("s3") else f"<ErrorResponse>{inner}</ErrorResponse>"
    return Response(f"<?xml version='1.0'?>{body}", error.status, content_type="application/xml")
