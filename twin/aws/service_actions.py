"""The permissions that a request to KMS or IAM needs, and those for a KMS key that S3 uses."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.core.exceptions import ServiceException
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket, FakeKey
from werkzeug.wrappers import Request

from twin.aws.policy import RequiredPermission

_SSE: Final = "x-amz-server-side-encryption"
_KEY_PARAMETERS: Final = ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")
_COLONS_IN_A_KEYS_ARN: Final = 5
_ID_LENGTH: Final = 36
"""Characters of a key's id; moto puts the id at the beginning of a ciphertext."""

_RESOURCE_PREFIXES: Final = {
    "RoleName": "role/",
    "UserName": "user/",
    "GroupName": "group/",
    "PolicyName": "policy/",
    "InstanceProfileName": "instance-profile/",
}
_ARN_PARAMETERS: Final = ("RoleArn", "OpenIDConnectProviderArn", "PolicyArn")


def list_kms_permissions(request: Request, account: str, region: str) -> list[RequiredPermission]:
    """Return the permissions on each key and alias that a request names, or one on all resources."""
    action = f"kms:{request.headers.get('x-amz-target', '').rpartition('.')[2]}"
    try:
        parameters: dict[str, Any] = json.loads(request.get_data() or b"{}")
        ciphertext = base64.b64decode(parameters.get("CiphertextBlob", ""))
    except (ValueError, binascii.Error):
        return []
    key_ids = [parameters[name] for name in _KEY_PARAMETERS if name in parameters]
    if not key_ids and ciphertext:
        key_ids = [ciphertext[:_ID_LENGTH].decode(errors="replace")]
    permissions = [build_key_permission(action, key_id, account, region) for key_id in key_ids]
    if alias := parameters.get("AliasName"):
        permissions.append(RequiredPermission(action, f"arn:aws:kms:{region}:{account}:{alias}"))
    return permissions or [RequiredPermission(action)]


def list_iam_permissions(request: Request, account: str) -> list[RequiredPermission]:
    return [
        RequiredPermission(f"iam:{request.values.get('Action', '')}", _find_resource(request.values, account))
    ]


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
    return RequiredPermission(permission.action, permission.resource, {**permission.context, **via})


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
        return RequiredPermission(action, identifier)
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


def _find_resource(parameters: Mapping[str, str], account: str) -> str:
    for name in _ARN_PARAMETERS:
        if name in parameters and "RoleName" not in parameters:
            return parameters[name]
    if "Url" in parameters:
        return f"arn:aws:iam::{account}:oidc-provider/{parameters['Url'].partition('://')[2]}"
    for name, kind in _RESOURCE_PREFIXES.items():
        if name in parameters:
            return f"arn:aws:iam::{account}:{kind}{parameters[name]}"
    return "*"
