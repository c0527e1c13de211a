"""Which permissions a request to KMS or IAM needs, and those for the key that S3 uses on one's behalf."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.core.exceptions import ServiceException
from moto.kms.models import Key, kms_backends
from moto.s3.models import FakeBucket, FakeKey
from werkzeug.wrappers import Request

from twin.aws.policy import AuthorizationRequest

_SSE: Final = "x-amz-server-side-encryption"
_KEYS: Final = ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId")
_COLONS_IN_A_KEYS_ARN: Final = 5
_ID_LENGTH: Final = 36
"""Of a key's id, with which moto begins a ciphertext."""

_ROLES_AND_MORE: Final = {
    "RoleName": "role/",
    "UserName": "user/",
    "GroupName": "group/",
    "PolicyName": "policy/",
    "InstanceProfileName": "instance-profile/",
}
_ARNS: Final = ("RoleArn", "OpenIDConnectProviderArn", "PolicyArn")


def asked_of_kms(request: Request, account: str, region: str) -> list[AuthorizationRequest]:
    """Return an action's permission on each key and alias that it names, or on no particular one."""
    action = f"kms:{request.headers.get('x-amz-target', '').rpartition('.')[2]}"
    try:
        parameters: dict[str, Any] = json.loads(request.get_data() or b"{}")
        sealed = base64.b64decode(parameters.get("CiphertextBlob", ""))[:_ID_LENGTH].decode(errors="replace")
    except (ValueError, binascii.Error):
        return []
    named = [parameters[name] for name in _KEYS if name in parameters] or ([sealed] if sealed else [])
    wanted = [_on_key(action, one, account, region) for one in named]
    if alias := parameters.get("AliasName"):
        wanted.append(AuthorizationRequest(action, f"arn:aws:kms:{region}:{account}:{alias}"))
    return wanted or [AuthorizationRequest(action)]


def asked_of_iam(request: Request, account: str) -> list[AuthorizationRequest]:
    return [
        AuthorizationRequest(f"iam:{request.values.get('Action', '')}", _resource(request.values, account))
    ]


def asked_of_key(
    bucket: FakeBucket, version: FakeKey | None, request: Request, asked: AuthorizationRequest
) -> list[AuthorizationRequest]:
    """
    Return what S3 does with a KMS key for whoever reads or writes, with their permissions.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    verb = asked.action.removeprefix("s3:")
    if verb == "PutObject":
        actions, key = ["kms:GenerateDataKey"], _new_objects_key(bucket, request)
        if "uploads" in request.args or "uploadId" in request.args:  # parts are read again at the end
            actions.append("kms:Decrypt")
    elif verb in {"GetObject", "GetObjectVersion"} and version and _reads_content(request):
        actions, key = ["kms:Decrypt"], version.kms_key_id if version.encryption == "aws:kms" else None
    else:
        return []
    if not key:  # not encrypted with KMS, or with the account's own key, which everybody in it may use
        return []
    return [asked_through_s3(action, key, bucket) for action in actions]


def asked_through_s3(action: str, key: str, bucket: FakeBucket) -> AuthorizationRequest:
    """Return the permission for a key that S3 uses on somebody's behalf."""
    found = _on_key(action, key, bucket.account_id, bucket.region_name)
    via = {"kms:viaservice": f"s3.{bucket.region_name}.amazonaws.com"}
    return AuthorizationRequest(found.action, found.resource, {**found.context, **via})


def key_of(identifier: str, account: str, region: str) -> Key | None:
    """Return the key that an id, an ARN or an alias names."""
    if identifier.startswith("arn:") and identifier.count(":") == _COLONS_IN_A_KEYS_ARN:
        _, _, _, region, account, _ = identifier.split(":")
    try:
        backend = kms_backends[account][region]
        return backend.keys.get(backend.any_id_to_key_id(identifier))
    except (KeyError, AttributeError, ServiceException):
        return None


def _on_key(action: str, identifier: str, account: str, region: str) -> AuthorizationRequest:
    key = key_of(identifier, account, region)
    if key is None:
        return AuthorizationRequest(action, identifier)
    context: dict[str, str | tuple[str, ...]] = {}
    if key.aliases:
        context["kms:resourcealiases"] = tuple(key.aliases)
    context |= {f"aws:resourcetag/{name.lower()}": value for name, value in _tags(key)}
    return AuthorizationRequest(action, key.arn, context)


def _tags(key: Key) -> Iterator[tuple[str, str]]:
    yield from kms_backends[key.account_id][key.region].tagger.get_tag_dict_for_resource(key.id).items()


def _new_objects_key(bucket: FakeBucket, request: Request) -> str | None:
    default = ((bucket.encryption or {}).get("Rule") or {}).get("ApplyServerSideEncryptionByDefault") or {}
    if (request.headers.get(_SSE) or default.get("SSEAlgorithm")) != "aws:kms":
        return None
    return request.headers.get(f"{_SSE}-aws-kms-key-id") or default.get("KMSMasterKeyID")


def _reads_content(request: Request) -> bool:
    """Tell whether the object's own key is needed: a HEAD needs it for the checksum alone."""
    return request.method != "HEAD" or request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"


def _resource(parameters: Mapping[str, str], account: str) -> str:
    for name in _ARNS:
        if name in parameters and "RoleName" not in parameters:
            return parameters[name]
    if "Url" in parameters:
        return f"arn:aws:iam::{account}:oidc-provider/{parameters['Url'].partition('://')[2]}"
    for name, kind in _ROLES_AND_MORE.items():
        if name in parameters:
            return f"arn:aws:iam::{account}:{kind}{parameters[name]}"
    return "*"
