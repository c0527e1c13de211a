"""The permissions that a request to KMS needs, and those for a KMS key that S3 uses."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.core.exceptions import ServiceException
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket, FakeKey
from werkzeug.wrappers import Request

from twin.aws.policy import RequiredPermission

_SSE: Final = "x-amz-server-side-encryption"
_COLONS_IN_A_KEYS_ARN: Final = 5
_ID_LENGTH: Final = 36
"""Characters of a key's id; moto puts the id at the beginning of a ciphertext."""

_PARAMETER_KEYS: Final = {
    "GranteePrincipal": "kms:granteeprincipal",
    "RetiringPrincipal": "kms:retiringprincipal",
    "PendingWindowInDays": "kms:schedulekeydeletionpendingwindowindays",
    "KeySpec": "kms:keyspec",
    "KeyUsage": "kms:keyusage",
}
"""Parameter of a request -> the condition key with its value."""

_LOCKOUT_CHECKED: Final = frozenset(("CreateKey", "PutKeyPolicy"))


def read_operation(request: Request) -> tuple[str, dict[str, Any]]:
    """Return a request's operation and parameters; no parameters if the body is none of KMS's."""
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        parameters = json.loads(request.get_data() or b"{}")
    except ValueError:
        return operation, {}
    return operation, parameters if isinstance(parameters, dict) else {}


def list_kms_permissions(request: Request, account: str, region: str) -> list[RequiredPermission]:
    """
    Return the permissions on each key and alias that a request names, or one on all resources.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html
    """
    operation, parameters = read_operation(request)
    context = _build_context(operation, parameters)
    permissions = [
        RequiredPermission(f"kms:{name}", resource, {**context, **found})
        for name, resource, found in _list_resources(operation, parameters, account, region)
    ]
    if operation == "CreateKey" and parameters.get("Tags"):
        # The key does not exist: nothing can name it, it has no tag, and no key policy allows this.
        # Source: https://docs.aws.amazon.com/kms/latest/developerguide/tag-permissions.html
        new_key = f"arn:aws:kms:{region}:{account}:key/*"
        permissions.append(RequiredPermission("kms:TagResource", new_key, context))
    return permissions or [RequiredPermission(f"kms:{operation}", context=context)]


def _list_resources(
    operation: str, parameters: dict[str, Any], account: str, region: str
) -> Iterator[tuple[str, str, Mapping[str, str | tuple[str, ...]]]]:
    """Yield the action, the resource, and the resource's condition keys."""

    def describe(name: str, identifier: str) -> tuple[str, str, Mapping[str, str | tuple[str, ...]]]:
        permission = build_key_permission(name, identifier, account, region)
        return name, permission.resource, permission.context

    source = parameters.get("SourceKeyId") or parameters.get("KeyId") or _find_encrypting_key(parameters)
    if operation == "ReEncrypt":
        yield describe("ReEncryptFrom", source)
        yield describe("ReEncryptTo", parameters.get("DestinationKeyId", ""))
        return
    if source:
        yield describe(operation, source)
    if alias := parameters.get("AliasName"):
        yield operation, f"arn:aws:kms:{region}:{account}:{alias}", {}
        if operation != "CreateAlias" and find_key(alias, account, region):
            yield describe(operation, alias)
    if target := parameters.get("TargetKeyId"):
        yield describe(operation, target)


def _find_encrypting_key(parameters: dict[str, Any]) -> str:
    try:
        ciphertext = base64.b64decode(parameters.get("CiphertextBlob", ""))
    except (TypeError, ValueError):
        return ""
    return ciphertext[:_ID_LENGTH].decode(errors="replace")


def _build_context(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, str | tuple[str, ...]] = {}
    for name, key in _PARAMETER_KEYS.items():
        if name in parameters:
            context[key] = str(parameters[name])
    if operation == "CreateGrant":
        context["kms:grantoperations"] = tuple(map(str, parameters.get("Operations", [])))
        context["kms:grantisforawsresource"] = "false"
    if operation in _LOCKOUT_CHECKED:
        bypass = bool(parameters.get("BypassPolicyLockoutSafetyCheck"))
        context["kms:bypasspolicylockoutsafetycheck"] = str(bypass).lower()
    tags = {str(tag.get("TagKey")): str(tag.get("TagValue", "")) for tag in parameters.get("Tags") or ()}
    context |= {f"aws:requesttag/{name.lower()}": value for name, value in tags.items()}
    if names := (*tags, *map(str, parameters.get("TagKeys") or ())):
        context["aws:tagkeys"] = names
    return context


def list_object_key_permissions(
    bucket: FakeBucket, version: FakeKey | None, request: Request, permission: RequiredPermission
) -> list[RequiredPermission]:
    """
    Return the permissions on a KMS key that the sender of an S3 request needs.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    verb = permission.action.removeprefix("s3:")
    if verb == "PutObject":
        actions, key = ["kms:GenerateDataKey"], _find_upload_key(bucket, request)
        if "uploads" in request.args or "uploadId" in request.args:  # completion reads the parts
            actions.append("kms:Decrypt")
    elif verb in {"GetObject", "GetObjectVersion"} and version and _reads_content(request):
        actions, key = ["kms:Decrypt"], version.kms_key_id if version.encryption == "aws:kms" else None
    else:
        return []
    if not key:  # no encryption with KMS, or with the AWS managed key, which the whole account may use
        return []
    return [build_s3_key_permission(action, key, bucket) for action in actions]


def build_s3_key_permission(action: str, key: str, bucket: FakeBucket) -> RequiredPermission:
    """Return the permission on a key that S3 uses for the sender of a request."""
    permission = build_key_permission(action, key, bucket.account_id, bucket.region_name)
    via = {"kms:viaservice": f"s3.{bucket.region_name}.amazonaws.com"}
    return permission.with_context(via)


def find_key(identifier: str, account: str, region: str) -> Key | None:
    """Return the key with an id, an ARN or an alias; None if there is none."""
    if identifier.startswith("arn:") and identifier.count(":") == _COLONS_IN_A_KEYS_ARN:
        _, _, _, region, account, _ = identifier.split(":")
    try:
        backend = kms_backends[account][region]
        return backend.keys.get(backend.any_id_to_key_id(identifier))
    except (KeyError, AttributeError, ServiceException):
        return None


def build_key_permission(action: str, identifier: str, account: str, region: str) -> RequiredPermission:
    """Return the permission on a key that is named by its id, its ARN or an alias."""
    key = find_key(identifier, account, region)
    if key is None:
        return RequiredPermission(action, identifier or "*")
    context: dict[str, str | tuple[str, ...]] = {}
    if key.aliases:
        context["kms:resourcealiases"] = tuple(key.aliases)
    context |= {f"aws:resourcetag/{name.lower()}": value for name, value in _read_tags(key)}
    return RequiredPermission(action, key.arn, context)


def _read_tags(key: Key) -> Iterator[tuple[str, str]]:
    yield from kms_backends[key.account_id][key.region].tagger.get_tag_dict_for_resource(key.id).items()


def _find_upload_key(bucket: FakeBucket, request: Request) -> str | None:
    default = ((bucket.encryption or {}).get("Rule") or {}).get("ApplyServerSideEncryptionByDefault") or {}
    if (request.headers.get(_SSE) or default.get("SSEAlgorithm")) != "aws:kms":
        return None
    return request.headers.get(f"{_SSE}-aws-kms-key-id") or default.get("KMSMasterKeyID")


def _reads_content(request: Request) -> bool:
    """Tell whether a request uses the object's key: a HEAD does only for the checksum."""
    return request.method != "HEAD" or request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
