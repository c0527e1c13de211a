"""
IAM in front of moto, which evaluates neither conditions nor resources of policies.

Every request is authorized. An administrator is only refused what a bucket policy denies. A role's session
needs permissions by the role's policies and by the policy of the bucket, key, secret or role that it uses.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.sax.saxutils import escape

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeKey, s3_backends
from werkzeug.wrappers import Request, Response

from twin.aws.identities import (
    AwsServiceError,
    identify,
    is_administrator,
    list_policies,
    read_credential_scope,
)
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate
from twin.aws.s3_actions import BATCH, list_s3_permissions
from twin.aws.secrets import find_secret, list_secret_permissions
from twin.aws.service_actions import (
    find_key,
    list_iam_permissions,
    list_kms_permissions,
    list_object_key_permissions,
)
from twin.aws.sessions import check_assumption

_PRINCIPAL: Final = "bulwark.principal"
_SSE: Final = "s3:x-amz-server-side-encryption"
_OWN_POLICY: Final = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
"""What an administrator may do even if the bucket's policy denies it (S3, PutBucketPolicy)."""

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def add_authorization(service: str, application: Wsgi) -> Wsgi:
    """Return a WSGI application that passes authorized requests to `application`, a service of moto."""

    def authorize(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        try:
            environ[_PRINCIPAL] = principal = identify(request, service)
            _authorize(request, service, principal)
        except AwsServiceError as error:
            return _error_response(service, error)(environ, start_response)
        if isinstance(body := environ["wsgi.input"], io.BytesIO):
            body.seek(0)  # authorization reads a form
        return application(environ, start_response)

    return authorize


def find_denial(environ: dict[str, Any], permission: RequiredPermission) -> str:
    """Return why a request's sender lacks the permission; empty if the sender has it."""
    return _find_denial(environ[_PRINCIPAL], permission)


def find_missing_permission(role: str, permissions: Iterable[RequiredPermission]) -> str:
    """Return why a service that acts as a role lacks one of the permissions; empty if it has all of them."""
    principal = Principal("AWS", role, role.split(":")[4], role)
    return next(filter(None, (_find_denial(principal, permission) for permission in permissions)), "")


def _authorize(request: Request, service: str, principal: Principal) -> None:
    region = read_credential_scope(request)[1]
    match service:
        case "kms":
            permissions = list_kms_permissions(request, principal.account, region)
        case "secretsmanager":
            permissions = list_secret_permissions(request, principal.account, region)
        case "iam":
            permissions = list_iam_permissions(request, principal.account)
        case "sts":
            check_assumption(request, principal)
            return
        case "s3":
            permissions = [
                _add_upload_encryption(permission, request) for permission in list_s3_permissions(request)
            ]
        case _:
            permissions = []
    if not permissions and not is_administrator(principal):
        raise AwsServiceError(403, "AccessDenied", "The twin knows no permission for this request.")
    for permission in permissions:
        if permission.action != BATCH and (reason := _find_denial(principal, permission)):
            raise AwsServiceError(403, "AccessDenied", reason)
        if service == "s3":
            _authorize_content(request, principal, permission)


def _authorize_content(request: Request, principal: Principal, permission: RequiredPermission) -> None:
    """Authorize the use of the object's KMS key, and the answer that an object does not exist."""
    bucket_name, _, key = permission.resource.removeprefix("arn:aws:s3:::").partition("/")
    bucket = _find_bucket(bucket_name)
    if bucket is None or not key:
        return
    version = _find_version(bucket, key, request.args.get("versionId"))
    # Without ListBucket, S3 does not reveal whether an object exists (S3, GetObject).
    listing = RequiredPermission("s3:ListBucket", f"arn:aws:s3:::{bucket_name}", permission.context)
    if (
        permission.action == "s3:GetObject"
        and version is None
        and (reason := _find_denial(principal, listing))
    ):
        raise AwsServiceError(403, "AccessDenied", reason)
    if is_administrator(principal):
        return
    for key_permission in list_object_key_permissions(bucket, version, request, permission):
        if reason := _find_denial(principal, key_permission):
            raise AwsServiceError(403, "AccessDenied", reason)


def _add_upload_encryption(permission: RequiredPermission, request: Request) -> RequiredPermission:
    """Add to the context of an uploaded part the encryption that its multipart upload was created with."""
    bucket = _find_bucket(permission.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
    upload = bucket.multiparts.get(request.args.get("uploadId", "")) if bucket else None
    if not upload or not upload.sse_encryption:
        return permission
    inherited = {_SSE: upload.sse_encryption} | (
        {f"{_SSE}-aws-kms-key-id": upload.kms_key_id} if upload.kms_key_id else {}
    )
    return RequiredPermission(permission.action, permission.resource, {**permission.context, **inherited})


def _find_denial(principal: Principal, permission: RequiredPermission) -> str:
    permission = RequiredPermission(
        permission.action, permission.resource, {**permission.context, **principal.context}
    )
    resource_decision, owner = _evaluate_resource_policy(permission, principal)
    if is_administrator(principal):
        if resource_decision is Decision.DENIED and permission.action not in _OWN_POLICY:
            return _denial_message(principal, permission, "with an explicit deny in a resource-based policy")
        return ""
    identity_decision = max(
        (evaluate(document, permission, principal) for document in list_policies(principal)),
        default=Decision.NEUTRAL,
    )
    if Decision.DENIED in {resource_decision, identity_decision}:
        kind = "resource" if resource_decision is Decision.DENIED else "identity"
        return _denial_message(principal, permission, f"with an explicit deny in a {kind}-based policy")
    if _is_allowed(
        permission,
        identity_decision,
        resource_decision,
        own=not principal.kind or owner in {"", principal.account},
    ):
        return ""
    kind = "resource" if identity_decision is Decision.ALLOWED else "identity"
    return _denial_message(
        principal, permission, f"because no {kind}-based policy allows the {permission.action} action"
    )


def _is_allowed(
    permission: RequiredPermission, identity_decision: Decision, resource_decision: Decision, *, own: bool
) -> bool:
    """
    Combine the decisions of identity and resource policies, none of which denies.

    `own`: the resource is in the principal's account, or the request is anonymous. A bucket's policy can
    allow alone. A key's policy must allow too.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    if own and resource_decision is Decision.ALLOWED:
        return True
    needs_both = not own or _is_about_a_key(permission)
    return identity_decision is Decision.ALLOWED and not (
        needs_both and resource_decision is Decision.NEUTRAL
    )


def _is_about_a_key(permission: RequiredPermission) -> bool:
    return ":key/" in permission.resource


def _evaluate_resource_policy(permission: RequiredPermission, principal: Principal) -> tuple[Decision, str]:
    """Return the decision of the policy of a bucket, key or secret, and the account that owns it."""
    if permission.resource.startswith("arn:aws:s3:::"):
        bucket = _find_bucket(permission.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
        if bucket is None:
            return Decision.NEUTRAL, ""
        policy = bucket.policy
        decision = evaluate(policy.decode(), permission, principal) if policy else Decision.NEUTRAL
        return decision, bucket.account_id
    if _is_about_a_key(permission) and (key := find_key(permission.resource, "", "")):
        # A key's policy applies to its own key, whatever its statements name as resource.
        return evaluate(
            key.policy, RequiredPermission(permission.action, key.arn, permission.context), principal
        ), key.account_id
    if ":secret:" in permission.resource and (secret := find_secret(permission.resource, "", "")):
        policy = secret.policy
        decision = evaluate(policy, permission, principal) if policy else Decision.NEUTRAL
        return decision, secret.account_id
    return Decision.NEUTRAL, ""


def _denial_message(principal: Principal, permission: RequiredPermission, reason: str) -> str:
    user = principal.session or principal.arn or "anonymous"
    action, resource = permission.action, permission.resource
    return f'User: {user} is not authorized to perform: {action} on resource: "{resource}" {reason}'


def _find_bucket(name: str) -> FakeBucket | None:
    partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def _find_version(bucket: FakeBucket, key: str, version: str | None) -> FakeKey | None:
    try:
        object_ = s3_backends[bucket.account_id]["aws"].get_object(bucket.name, key, version_id=version)
    except S3ClientError:
        return None
    return object_ if isinstance(object_, FakeKey) else None


def _error_response(service: str, error: AwsServiceError) -> Response:
    code, message = error.code, error.message
    if service in {"kms", "secretsmanager"}:
        code = f"{code}Exception" if code == "AccessDenied" else code
        return Response(json.dumps({"__type": code, "message": message}), 400, mimetype="application/json")
    inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = inner if service.startswith("s3") else f"<ErrorResponse>{inner}</ErrorResponse>"
    return Response(f"<?xml version='1.0'?>{body}", error.status, content_type="application/xml")
