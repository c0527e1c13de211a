"""
The permissions that a request to S3 needs.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.parsers.expat import ExpatError

import xmltodict
from werkzeug.wrappers import Request

from twin.aws.policy import RequiredPermission, as_list

_BUCKET_PARAMETERS: Final = {
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
_LISTING_PARAMETERS: Final = {"uploads": "ListBucketMultipartUploads", "versions": "ListBucketVersions"}
_WITH_DELETE_PERMISSION: Final = {"policy", "website"}
"""Deletions with a permission of their own. Other configurations need the permission to put them."""

_OBJECT_PARAMETERS: Final = {
    "acl": "Object{}Acl",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "Object{}Tagging",
}
_HEADER_ACTIONS: Final = {
    "acl": "PutObjectAcl",
    "object-lock-legal-hold": "PutObjectLegalHold",
    "object-lock-mode": "PutObjectRetention",
    "object-lock-retain-until-date": "PutObjectRetention",
    "tagging": "PutObjectTagging",
}
"""Header of a new object without `x-amz-` -> the action that it needs besides PutObject."""

BATCH: Final = "s3:DeleteObjects"
"""The action of a batch request. It is no permission: each object of the batch is authorized separately."""


def list_s3_permissions(request: Request) -> list[RequiredPermission]:
    """
    Return the permissions that a request needs; none for a request that S3 does not have.

    If a query names several configurations, the request needs the permissions for all; S3 serves one.
    """
    bucket, _, key = request.path.removeprefix("/").partition("/")
    if not bucket:
        return [RequiredPermission("s3:ListAllMyBuckets")] if request.method in {"GET", "HEAD"} else []
    context = _build_context(request)
    if key:
        resource = f"arn:aws:s3:::{bucket}/{key}"
        permissions = [
            RequiredPermission(f"s3:{action}", resource, context) for action in _list_object_actions(request)
        ]
        return [*_list_copy_permissions(request, context), *permissions]
    permissions = [
        RequiredPermission(f"s3:{action}", f"arn:aws:s3:::{bucket}", context)
        for action in _list_bucket_actions(request)
    ]
    return [*permissions, *_list_passed_roles(request)]


def _list_passed_roles(request: Request) -> Iterator[RequiredPermission]:
    """
    Yield the permission to hand S3 the role that it is to replicate with.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html
    """
    if request.method != "PUT" or "replication" not in request.args:
        return
    try:
        role = str(xmltodict.parse(request.get_data())["ReplicationConfiguration"]["Role"])
    except (ExpatError, KeyError, TypeError):
        return  # S3 refuses a configuration without a role
    yield RequiredPermission("iam:PassRole", role, {"iam:passedtoservice": "s3.amazonaws.com"})


def _list_bucket_actions(request: Request) -> list[str]:
    query, method = request.args, request.method
    if method == "POST":
        return ["DeleteObjects"] if "delete" in query else []
    parts = {part: stem for part, stem in _BUCKET_PARAMETERS.items() if part in query}
    match method:
        case "GET" | "HEAD":
            listings = [action for listing, action in _LISTING_PARAMETERS.items() if listing in query]
            return [f"Get{stem}" for stem in parts.values()] + listings or ["ListBucket"]
        case "PUT":
            return [f"Put{stem}" for stem in parts.values()] or ["CreateBucket"]
        case "DELETE":
            actions = [
                f"{'Delete' if part in _WITH_DELETE_PERMISSION else 'Put'}{stem}"
                for part, stem in parts.items()
            ]
            return actions or ["DeleteBucket"]
        case _:
            return []


def _list_object_actions(request: Request) -> list[str]:
    query = request.args
    version = "Version" if "versionId" in query else ""
    parts = [stem.format(version) for part, stem in _OBJECT_PARAMETERS.items() if part in query]
    match request.method:
        case "GET" | "HEAD":
            if "attributes" in query:
                return [
                    f"GetObject{version}",
                    f"GetObject{version}Attributes",
                    *(f"Get{stem}" for stem in parts),
                ]
            listing = ["ListMultipartUploadParts"] if "uploadId" in query else []
            return [f"Get{stem}" for stem in parts] + listing or [f"GetObject{version}"]
        case "PUT":
            if parts and not _is_part(request):
                return [f"Put{stem}" for stem in parts] + _list_bypass_actions(request)
            return [*_list_header_actions(request), "PutObject"]
        case "POST" if "uploads" in query or "uploadId" in query:
            return [*_list_header_actions(request), "PutObject"]
        case "DELETE":
            if "uploadId" in query:
                return ["AbortMultipartUpload"]
            if "tagging" in query:
                return [f"DeleteObject{version}Tagging"]
            return [f"DeleteObject{version}", *_list_bypass_actions(request)]
        case _:
            return []


def _list_header_actions(request: Request) -> Iterator[str]:
    for header, action in _HEADER_ACTIONS.items():
        if f"x-amz-{header}" in request.headers:
            yield action
    if any(name.lower().startswith("x-amz-grant-") for name, _ in request.headers):
        yield "PutObjectAcl"


def _list_bypass_actions(request: Request) -> list[str]:
    return ["BypassGovernanceRetention"] if "x-amz-bypass-governance-retention" in request.headers else []


def _is_part(request: Request) -> bool:
    """Tell whether a request begins a multipart upload or adds a part, and creates no object."""
    query = request.args
    if request.method == "POST":
        return "uploads" in query and "uploadId" not in query
    return "uploadId" in query and "partNumber" in query


def _list_copy_permissions(
    request: Request, context: dict[str, str | tuple[str, ...]]
) -> Iterator[RequiredPermission]:
    source = urlsplit(request.headers.get("x-amz-copy-source", ""))
    if source.path and request.method == "PUT":
        version = "Version" if "versionId" in parse_qs(source.query) else ""
        yield RequiredPermission(
            f"s3:GetObject{version}", f"arn:aws:s3:::{unquote(source.path).removeprefix('/')}", context
        )


def _build_context(request: Request) -> dict[str, str | tuple[str, ...]]:
    context: dict[str, str | tuple[str, ...]] = {
        f"s3:{name.lower()}".replace("s3:x-amz-object-lock-", "s3:object-lock-"): value
        for name, value in request.headers.items()
        if name.lower().startswith("x-amz-")
    }
    for name in ("if-match", "if-none-match"):
        if name in request.headers:
            context[f"s3:{name}"] = request.headers[name]
    context |= {f"s3:{name}": request.args[name] for name in ("delimiter", "prefix") if name in request.args}
    if tags := _read_tags(request):
        context |= {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
        context["s3:requestobjecttagkeys"] = tuple(tags)
    if request.method in {"PUT", "POST"}:
        context["s3:objectcreationoperation"] = "false" if _is_part(request) else "true"
    return context


def _read_tags(request: Request) -> dict[str, str]:
    """Return the tags that a request sets on an object, from its header or its body."""
    if request.method != "PUT" or "tagging" not in request.args:
        return dict(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    try:
        tags = xmltodict.parse(request.get_data())["Tagging"]["TagSet"]["Tag"]
        return {tag["Key"]: tag["Value"] or "" for tag in as_list(tags)}
    except (ExpatError, KeyError, TypeError):
        return {}  # without readable tags, no policy can allow them
