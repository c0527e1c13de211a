"""
IAM in front of moto, which knows neither conditions nor the resources of permissions.

Every request is held to what its sender may do: an administrator to the denials of bucket policies alone, a
role's session to the role's policies and those of the bucket, the key or the role that it is about.
"""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any, Final
from xml.sax.saxutils import escape

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeKey, s3_backends
from werkzeug.wrappers import Request, Response

from twin.aws.identities import Refused, documents, identified, is_administrator, scope
from twin.aws.policy import AuthorizationRequest, Decision, Principal, judge
from twin.aws.s3_actions import BATCH, asked_of_s3
from twin.aws.service_actions import asked_of_iam, asked_of_key, asked_of_kms, key_of
from twin.aws.sessions import check_assumption

_PRINCIPAL: Final = "bulwark.principal"
_SSE: Final = "s3:x-amz-server-side-encryption"
_OWN_POLICY: Final = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
"""What an administrator may whatever the bucket's policy says (S3, PutBucketPolicy)."""

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def guarded(service: str, application: Wsgi) -> Wsgi:
    """Let through to one service of moto what the one who asks may do."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        try:
            environ[_PRINCIPAL] = principal = identified(request, service)
            _authorize(request, service, principal)
        except Refused as refused:
            return _error(service, refused)(environ, start_response)
        if isinstance(body := environ["wsgi.input"], io.BytesIO):
            body.seek(0)  # a form was read above
        return application(environ, start_response)

    return answer


def denial(environ: dict[str, Any], asked: AuthorizationRequest) -> str:
    """Return why the one whose request this is may not do it; empty if they may."""
    return _denial(environ[_PRINCIPAL], asked)


def lacking(role: str, wanted: Iterable[AuthorizationRequest]) -> str:
    """Return why a service that acts as a role may not do one of these things; empty if it may do all."""
    acting = Principal("AWS", role, role.split(":")[4], role)
    return next(filter(None, (_denial(acting, asked) for asked in wanted)), "")


def _authorize(request: Request, service: str, principal: Principal) -> None:
    region = scope(request)[1]
    match service:
        case "kms":
            wanted = asked_of_kms(request, principal.account, region)
        case "iam":
            wanted = asked_of_iam(request, principal.account)
        case "sts":
            check_assumption(request, principal)
            return
        case "s3":
            wanted = [_with_upload(asked, request) for asked in asked_of_s3(request)]
        case _:
            wanted = []
    if not wanted and not is_administrator(principal):
        raise Refused(403, "AccessDenied", "The twin knows no permission for this request.")
    for asked in wanted:
        if asked.action != BATCH and (why := _denial(principal, asked)):
            raise Refused(403, "AccessDenied", why)
        if service == "s3":
            _authorize_content(request, principal, asked)


def _authorize_content(request: Request, principal: Principal, asked: AuthorizationRequest) -> None:
    """Judge what depends on the object: the use of its key, and whether one may know that there is none."""
    bucket_name, _, key = asked.resource.removeprefix("arn:aws:s3:::").partition("/")
    bucket = _bucket(bucket_name)
    if bucket is None or not key:
        return
    version = _version(bucket, key, request.args.get("versionId"))
    # Whoever may not list gets no answer to whether there is an object (S3, GetObject).
    listing = AuthorizationRequest("s3:ListBucket", f"arn:aws:s3:::{bucket_name}", asked.context)
    if asked.action == "s3:GetObject" and version is None and (why := _denial(principal, listing)):
        raise Refused(403, "AccessDenied", why)
    if is_administrator(principal):
        return
    for used in asked_of_key(bucket, version, request, asked):
        if why := _denial(principal, used):
            raise Refused(403, "AccessDenied", why)


def _with_upload(asked: AuthorizationRequest, request: Request) -> AuthorizationRequest:
    """Let a part inherit the encryption that its upload was begun with, as conditions see it."""
    bucket = _bucket(asked.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
    upload = bucket.multiparts.get(request.args.get("uploadId", "")) if bucket else None
    if not upload or not upload.sse_encryption:
        return asked
    inherited = {_SSE: upload.sse_encryption} | (
        {f"{_SSE}-aws-kms-key-id": upload.kms_key_id} if upload.kms_key_id else {}
    )
    return AuthorizationRequest(asked.action, asked.resource, {**asked.context, **inherited})


def _denial(principal: Principal, asked: AuthorizationRequest) -> str:
    asked = AuthorizationRequest(asked.action, asked.resource, {**asked.context, **principal.context})
    of_resource, owner = _said_of(asked, principal)
    if is_administrator(principal):
        denied = of_resource is Decision.DENIED and asked.action not in _OWN_POLICY
        return (
            _sentence(principal, asked, "with an explicit deny in a resource-based policy") if denied else ""
        )
    of_identity = max(
        (judge(document, asked, principal) for document in documents(principal)), default=Decision.NEUTRAL
    )
    if Decision.DENIED in {of_resource, of_identity}:
        kind = "resource" if of_resource is Decision.DENIED else "identity"
        return _sentence(principal, asked, f"with an explicit deny in a {kind}-based policy")
    if _allowed(asked, of_identity, of_resource, own=not principal.kind or owner in {"", principal.account}):
        return ""
    kind = "resource" if of_identity is Decision.ALLOWED else "identity"
    return _sentence(principal, asked, f"because no {kind}-based policy allows the {asked.action} action")


def _allowed(asked: AuthorizationRequest, of_identity: Decision, of_resource: Decision, *, own: bool) -> bool:
    """
    Combine what allows; `own`: the resource is in the principal's account, or there is no principal.

    A bucket's policy can allow alone; without a key's, nothing is allowed.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    if own and of_resource is Decision.ALLOWED:
        return True
    needs_both = not own or _is_about_a_key(asked)
    return of_identity is Decision.ALLOWED and not (needs_both and of_resource is Decision.NEUTRAL)


def _is_about_a_key(asked: AuthorizationRequest) -> bool:
    return ":key/" in asked.resource


def _said_of(asked: AuthorizationRequest, principal: Principal) -> tuple[Decision, str]:
    """Return what the policy of a bucket or a key says, and whose it is."""
    if asked.resource.startswith("arn:aws:s3:::"):
        bucket = _bucket(asked.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
        if bucket is None:
            return Decision.NEUTRAL, ""
        policy = bucket.policy
        verdict = judge(policy.decode(), asked, principal) if policy else Decision.NEUTRAL
        return verdict, bucket.account_id
    if _is_about_a_key(asked) and (key := key_of(asked.resource, "", "")):
        # A key's policy speaks of its own key, whatever it gives as resource.
        return judge(
            key.policy, AuthorizationRequest(asked.action, key.arn, asked.context), principal
        ), key.account_id
    return Decision.NEUTRAL, ""


def _sentence(principal: Principal, asked: AuthorizationRequest, why: str) -> str:
    who = principal.session or principal.arn or "anonymous"
    return f'User: {who} is not authorized to perform: {asked.action} on resource: "{asked.resource}" {why}'


def _bucket(name: str) -> FakeBucket | None:
    partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def _version(bucket: FakeBucket, key: str, version: str | None) -> FakeKey | None:
    try:
        found = s3_backends[bucket.account_id]["aws"].get_object(bucket.name, key, version_id=version)
    except S3ClientError:
        return None
    return found if isinstance(found, FakeKey) else None


def _error(service: str, refused: Refused) -> Response:
    code, message = refused.code, refused.message
    if service == "kms":
        code = f"{code}Exception" if code == "AccessDenied" else code
        return Response(json.dumps({"__type": code, "message": message}), 400, mimetype="application/json")
    inner = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = inner if service.startswith("s3") else f"<ErrorResponse>{inner}</ErrorResponse>"
    return Response(f"<?xml version='1.0'?>{body}", refused.status, content_type="application/xml")
