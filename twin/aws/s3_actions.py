"""
Which permissions a request to S3 needs.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.parsers.expat import ExpatError

import xmltodict
from werkzeug.wrappers import Request

from twin.aws.policy import AuthorizationRequest, listed

_OF_BUCKETS: Final = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_LISTINGS: Final = {"uploads": "ListBucketMultipartUploads", "versions": "ListBucketVersions"}
_DELETED_BY_NAME: Final = {"policy", "website"}
"""Deleting any other part of a bucket's configuration needs the permission to put it."""

_OF_OBJECTS: Final = {
    "acl": "Object{}Acl",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "Object{}Tagging",
}
_WITH_AN_OBJECT: Final = {
    "acl": "PutObjectAcl",
    "object-lock-legal-hold": "PutObjectLegalHold",
    "object-lock-mode": "PutObjectRetention",
    "object-lock-retain-until-date": "PutObjectRetention",
    "tagging": "PutObjectTagging",
}
"""Header of a new object, less its `x-amz-` -> the permission that it needs besides PutObject."""

BATCH: Final = "s3:DeleteObjects"
"""No permission: each object that a batch names is asked for by itself."""


def asked_of_s3(request: Request) -> list[AuthorizationRequest]:
    """
    Return the permissions that a request needs; none if it is nothing that S3 knows.

    A query that names several things, of which the service will do one, needs the permissions for all.
    """
    bucket, _, key = request.path.removeprefix("/").partition("/")
    if not bucket:
        return [AuthorizationRequest("s3:ListAllMyBuckets")] if request.method in {"GET", "HEAD"} else []
    context = _context(request)
    if key:
        resource = f"arn:aws:s3:::{bucket}/{key}"
        wanted = [AuthorizationRequest(f"s3:{action}", resource, context) for action in _on_object(request)]
        return [*_copied(request, context), *wanted]
    return [
        AuthorizationRequest(f"s3:{action}", f"arn:aws:s3:::{bucket}", context)
        for action in _on_bucket(request)
    ]


def _on_bucket(request: Request) -> list[str]:
    query, method = request.args, request.method
    if method == "POST":
        return ["DeleteObjects"] if "delete" in query else []
    parts = {part: stem for part, stem in _OF_BUCKETS.items() if part in query}
    match method:
        case "GET" | "HEAD":
            listings = [action for listing, action in _LISTINGS.items() if listing in query]
            return [f"Get{stem}" for stem in parts.values()] + listings or ["ListBucket"]
        case "PUT":
            return [f"Put{stem}" for stem in parts.values()] or ["CreateBucket"]
        case "DELETE":
            deleting = [
                f"{'Delete' if part in _DELETED_BY_NAME else 'Put'}{stem}" for part, stem in parts.items()
            ]
            return deleting or ["DeleteBucket"]
        case _:
            return []


def _on_object(request: Request) -> list[str]:
    query = request.args
    version = "Version" if "versionId" in query else ""
    parts = [stem.format(version) for part, stem in _OF_OBJECTS.items() if part in query]
    match request.method:
        case "GET" | "HEAD":
            if "attributes" in query:
                return [f"GetObject{version}", f"GetObject{version}Attributes", *(f"Get{it}" for it in parts)]
            listing = ["ListMultipartUploadParts"] if "uploadId" in query else []
            return [f"Get{stem}" for stem in parts] + listing or [f"GetObject{version}"]
        case "PUT":
            if parts and not _is_part(request):
                return [f"Put{stem}" for stem in parts] + _bypassing(request)
            return [*_with_an_object(request), "PutObject"]
        case "POST" if "uploads" in query or "uploadId" in query:
            return [*_with_an_object(request), "PutObject"]
        case "DELETE":
            if "uploadId" in query:
                return ["AbortMultipartUpload"]
            if "tagging" in query:
                return [f"DeleteObject{version}Tagging"]
            return [f"DeleteObject{version}", *_bypassing(request)]
        case _:
            return []


def _with_an_object(request: Request) -> Iterator[str]:
    for header, action in _WITH_AN_OBJECT.items():
        if f"x-amz-{header}" in request.headers:
            yield action
    if any(name.lower().startswith("x-amz-grant-") for name, _ in request.headers):
        yield "PutObjectAcl"


def _bypassing(request: Request) -> list[str]:
    return ["BypassGovernanceRetention"] if "x-amz-bypass-governance-retention" in request.headers else []


def _is_part(request: Request) -> bool:
    """Tell whether it begins or adds to a multipart upload, instead of making an object."""
    query = request.args
    if request.method == "POST":
        return "uploads" in query and "uploadId" not in query
    return "uploadId" in query and "partNumber" in query


def _copied(request: Request, context: dict[str, str | tuple[str, ...]]) -> Iterator[AuthorizationRequest]:
    source = urlsplit(request.headers.get("x-amz-copy-source", ""))
    if source.path and request.method == "PUT":
        version = "Version" if "versionId" in parse_qs(source.query) else ""
        yield AuthorizationRequest(
            f"s3:GetObject{version}", f"arn:aws:s3:::{unquote(source.path).removeprefix('/')}", context
        )


def _context(request: Request) -> dict[str, str | tuple[str, ...]]:
    context: dict[str, str | tuple[str, ...]] = {
        f"s3:{name.lower()}".replace("s3:x-amz-object-lock-", "s3:object-lock-"): value
        for name, value in request.headers.items()
        if name.lower().startswith("x-amz-")
    }
    for name in ("if-match", "if-none-match"):
        if name in request.headers:
            context[f"s3:{name}"] = request.headers[name]
    context |= {f"s3:{name}": request.args[name] for name in ("delimiter", "prefix") if name in request.args}
    if tags := _tags(request):
        context |= {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
        context["s3:requestobjecttagkeys"] = tuple(tags)
    if request.method in {"PUT", "POST"}:
        context["s3:objectcreationoperation"] = "false" if _is_part(request) else "true"
    return context


def _tags(request: Request) -> dict[str, str]:
    """Return the tags that a request gives to an object, with it in a header or later in a body."""
    if request.method != "PUT" or "tagging" not in request.args:
        return dict(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    try:
        given = xmltodict.parse(request.get_data())["Tagging"]["TagSet"]["Tag"]
        return {one["Key"]: one["Value"] or "" for one in listed(given)}
    except (ExpatError, KeyError, TypeError):
        return {}  # none that a policy could allow
