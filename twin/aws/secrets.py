"""The permissions that a request to Secrets Manager needs, on the secret and on the key that encrypts it."""

import json
from typing import Any, Final

from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from werkzeug.wrappers import Request

from twin.aws.kms_actions import build_key_permission
from twin.aws.policy import RequiredPermission

_COLONS_IN_A_SECRETS_ARN: Final = 6
_KEY_ACTIONS: Final = {
    "GetSecretValue": ("kms:Decrypt",),
    "CreateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
    "PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "UpdateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
}
"""Action -> what Secrets Manager does with the secret's key for the sender (Secrets Manager, "Secret
encryption and decryption")."""


def list_secret_permissions(request: Request, account: str, region: str) -> list[RequiredPermission]:
    """Return the permissions on the secret that a request names, and on its key; none for an unknown form."""
    action = request.headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        parameters: dict[str, Any] = json.loads(request.get_data() or b"{}")
    except ValueError:
        return []
    if "SecretIdList" in parameters:
        return []
    name = str(parameters.get("SecretId") or parameters.get("Name") or "")
    if not name:
        return [RequiredPermission(f"secretsmanager:{action}")]
    secret = find_secret(name, account, region)
    arn = secret.arn if secret else _future_arn(name, account, region)
    permissions = [RequiredPermission(f"secretsmanager:{action}", arn)]
    key = parameters.get("KmsKeyId") or (secret.kms_key_id if secret else None)
    if not key or key == "alias/aws/secretsmanager":  # AWS's own key, which the whole account may use
        return permissions
    for key_action in _KEY_ACTIONS.get(action, ()):
        permission = build_key_permission(key_action, key, account, region)
        used_for = {
            "kms:viaservice": f"secretsmanager.{region}.amazonaws.com",
            "kms:encryptioncontext:secretarn": arn,
        }
        permissions.append(
            RequiredPermission(permission.action, permission.resource, {**permission.context, **used_for})
        )
    return permissions


def find_secret(identifier: str, account: str, region: str) -> FakeSecret | None:
    """Return the secret with a name or an ARN; None if there is none."""
    if identifier.startswith("arn:") and identifier.count(":") == _COLONS_IN_A_SECRETS_ARN:
        _, _, _, region, account, _, _ = identifier.split(":")
    if not account or not region:
        return None
    secret = secretsmanager_backends[account][region].secrets.get(identifier)
    return secret if isinstance(secret, FakeSecret) else None


def _future_arn(name: str, account: str, region: str) -> str:
    """Return the ARN of a secret that does not exist; AWS puts six characters of its own at the end."""
    return (
        name if name.startswith("arn:") else f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-??????"
    )
