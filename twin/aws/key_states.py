"""
What a key's state refuses, after its policies have allowed it.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html. On the twin a state counts at
once; on AWS within some minutes.
"""

from typing import Final

from moto.kms.models import Key

_USES: Final = frozenset(
    (
        "CreateGrant",
        "Decrypt",
        "DeriveSharedSecret",
        "DisableKeyRotation",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetPublicKey",
        "ReEncryptFrom",
        "ReEncryptTo",
        "RotateKeyOnDemand",
        "Sign",
        "Verify",
        "VerifyMac",
    )
)
"""Operations that need an enabled key."""

_CHANGES: Final = frozenset(
    (
        "CreateAlias",
        "DisableKey",
        "EnableKey",
        "ReplicateKey",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    )
)
"""Operations that a key refuses, besides, while its deletion is pending."""


def find_state_refusal(operation: str, key: Key) -> tuple[str, str]:
    """Return the code (without `Exception`) and text of KMS's error; both empty if the state allows it."""
    if key.key_state == "PendingDeletion":
        if operation in _USES | _CHANGES:
            return "KMSInvalidState", f"{key.arn} is pending deletion."
    elif operation == "CancelKeyDeletion":
        return "KMSInvalidState", f"{key.arn} is not pending deletion."
    if key.key_state == "Disabled" and operation in _USES:
        return "Disabled", f"{key.arn} is disabled."
    return "", ""
