"""KMS keys and their aliases."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.documents import (
    normalize_document,
    policy_document,
    to_json,
)
from twin.aws.provider.principals import check_principals
from twin.aws.provider.resource_type import UniqueAwsResource
from twin.aws.provider.wire import DOCUMENT, FLAG, TAGS, TEXT, WHOLE, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, length, matches, one_of, within
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties

_CREATION_TAG = "twin:creation"
"""Tag with the token of a key's creation: keys have no name to find them by after an interruption."""

_SYMMETRIC = "SYMMETRIC_DEFAULT"
_SPECS = (
    _SYMMETRIC,
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
)


def _check_rotation(inputs: Properties) -> Iterator[InputRefusal]:
    rotates = inputs.get("enableKeyRotation")
    if inputs.get("rotationPeriodInDays") is not None and not rotates:
        yield InputRefusal("rotationPeriodInDays", "rotationPeriodInDays requires enableKeyRotation")
    if rotates is True and inputs.get("customerMasterKeySpec") not in {_SYMMETRIC, UNKNOWN}:
        yield InputRefusal("enableKeyRotation", "enableKeyRotation is only possible for symmetric keys")


class Key(UniqueAwsResource):
    """`aws:kms/key:Key`; KMS generates its id. A key that is scheduled for deletion counts as deleted."""

    label = "KMS Key"
    input_schema = block(
        {
            "bypassPolicyLockoutSafetyCheck": FLAG,
            "customerMasterKeySpec": TEXT,
            "deletionWindowInDays": WHOLE,
            "description": TEXT,
            "enableKeyRotation": FLAG,
            "isEnabled": FLAG,
            "keyUsage": TEXT,
            "multiRegion": FLAG,
            "policy": DOCUMENT,
            "region": TEXT,
            "rotationPeriodInDays": WHOLE,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        within("deletionWindowInDays", 7, 30),
        within("rotationPeriodInDays", 90, 2560),
        length("description", 8192),
        one_of("keyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"),
        one_of("customerMasterKeySpec", *_SPECS),
        policy_document("policy", "key", 32_768),
        _check_rotation,
    )
    defaults: ClassVar[Properties] = {
        "bypassPolicyLockoutSafetyCheck": False,
        "customerMasterKeySpec": _SYMMETRIC,
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    }
    unmodelled = frozenset({"customKeyStoreId", "xksKeyId"})
    computed = frozenset({"description", "multiRegion", "policy", "rotationPeriodInDays"})
    replaces = frozenset({"customerMasterKeySpec", "keyUsage", "multiRegion"})
    write_only = frozenset({"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"})
    outputs = ("arn", "keyId")
    tagged = True
    conflict_code = "AlreadyExistsException"

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        kms = self._kms(inputs)
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                tags = tags_from_api(kms.list_resource_tags(KeyId=key["KeyId"])["Tags"], "TagKey", "TagValue")
                if tags.get(_CREATION_TAG) == token:
                    return str(key["KeyId"])
        return None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        self._check_policy(inputs)
        optional = {"Policy": to_json(inputs["policy"])} if "policy" in inputs else {}
        response = self._kms(inputs).create_key(
            Description=inputs.get("description", ""),
            KeyUsage=inputs["keyUsage"],
            KeySpec=inputs["customerMasterKeySpec"],
            MultiRegion=bool(inputs.get("multiRegion")),
            Tags=tags_to_api({**self.tags(inputs), _CREATION_TAG: token}, "TagKey", "TagValue"),
            BypassPolicyLockoutSafetyCheck=bool(inputs["bypassPolicyLockoutSafetyCheck"]),
            **optional,
        )
        return str(response["KeyMetadata"]["KeyId"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        kms = self._kms(inputs)
        if "policy" in inputs and state and self._differs("policy", inputs["policy"], state.get("policy")):
            self._check_policy(inputs)
            kms.put_key_policy(
                KeyId=identifier,
                PolicyName="default",
                Policy=to_json(inputs["policy"]),
                BypassPolicyLockoutSafetyCheck=bool(inputs["bypassPolicyLockoutSafetyCheck"]),
            )
        if state and inputs.get("description", "") != state.get("description", ""):
            kms.update_key_description(KeyId=identifier, Description=inputs.get("description", ""))
        self._update_rotation(kms, identifier, state, inputs)
        if inputs["isEnabled"] != state.get("isEnabled", True):
            (kms.enable_key if inputs["isEnabled"] else kms.disable_key)(KeyId=identifier)
        self._update_tags(kms, identifier, state, inputs)

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        kms = self._kms(state)
        response = call_or_none(lambda: kms.describe_key(KeyId=identifier), "NotFoundException")
        if response is None or response["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return None
        key = response["KeyMetadata"]
        rotation = kms.get_key_rotation_status(KeyId=identifier) if key["KeySpec"] == _SYMMETRIC else {}
        tags = tags_from_api(kms.list_resource_tags(KeyId=identifier)["Tags"], "TagKey", "TagValue")
        return {
            "arn": key["Arn"],
            "keyId": key["KeyId"],
            "description": key["Description"],
            "enableKeyRotation": rotation.get("KeyRotationEnabled", False),
            "rotationPeriodInDays": rotation.get("RotationPeriodInDays"),
            "isEnabled": key["Enabled"],
            "keyUsage": key["KeyUsage"],
            "customerMasterKeySpec": key["KeySpec"],
            "multiRegion": key["MultiRegion"],
            "policy": kms.get_key_policy(KeyId=identifier, PolicyName="default")["Policy"],
            "tagsAll": {name: value for name, value in tags.items() if name != _CREATION_TAG},
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        days = state.get("deletionWindowInDays") or 30
        kms = self._kms(state)
        if self._read(identifier, state) is not None:
            kms.schedule_key_deletion(KeyId=identifier, PendingWindowInDays=days)

    def _update_rotation(self, kms: Any, identifier: str, state: Properties, inputs: Properties) -> None:
        rotates, period = inputs["enableKeyRotation"], inputs.get("rotationPeriodInDays")
        if rotates and (
            not state.get("enableKeyRotation") or period not in {None, state.get("rotationPeriodInDays")}
        ):
            kms.enable_key_rotation(KeyId=identifier, **({"RotationPeriodInDays": period} if period else {}))
        elif not rotates and state.get("enableKeyRotation"):
            kms.disable_key_rotation(KeyId=identifier)

    def _update_tags(self, kms: Any, identifier: str, state: Properties, inputs: Properties) -> None:
        if not state:
            return
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            kms.untag_resource(KeyId=identifier, TagKeys=removed)
        if tags:
            kms.tag_resource(KeyId=identifier, Tags=tags_to_api(tags, "TagKey", "TagValue"))

    def _check_policy(self, inputs: Properties) -> None:
        """Refuse unknown principals, as KMS does and moto doesn't."""
        document = inputs.get("policy")
        if document is None:
            return
        action = f"writing {self.label} policy"
        check_principals(self.account, document, action, "MalformedPolicyDocumentException")

    def _kms(self, properties: Properties) -> Any:
        return self.account.client("kms", self.region(properties))


class Alias(UniqueAwsResource):
    """`aws:kms/alias:Alias`; its id is its name."""

    label = "KMS Alias"
    input_schema = block({"name": TEXT, "namePrefix": TEXT, "targetKeyId!": TEXT, "region": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches(
            "name",
            r"alias/(?!aws/)[\w/-]+",
            "begin with alias/ (not alias/aws/), then letters, digits, _ / -",
        ),
        matches("namePrefix", r"alias/(?!aws/)[\w/-]*", "begin with alias/ (not alias/aws/)"),
        length("name", 256),
        at_most_one("", "name", "namePrefix"),
    )
    replaces = frozenset({"name"})
    outputs = ("arn", "targetKeyArn")
    name_property = "name"
    conflict_code = "AlreadyExistsException"

    def generate_name(self, logical_name: str) -> str:
        return f"alias/{super().generate_name(logical_name)}"

    def normalize(self, name: str, value: Any) -> Any:
        if name == "targetKeyId":  # a key's id and its ARN name the same key
            return str(value).rpartition("/")[2]
        return super().normalize(name, value)

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        planned = super().plan(state, inputs)
        if state and self._differs("targetKeyId", inputs["targetKeyId"], state.get("targetKeyId")):
            planned["targetKeyArn"] = UNKNOWN
        return planned

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        name = inputs["name"]
        key = call_or_none(lambda: self._kms(inputs).describe_key(KeyId=name), "NotFoundException")
        return name if key else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        self._check_target(inputs)
        self._kms(inputs).create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return str(inputs["name"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        before = state or self._read(identifier, inputs) or {}
        if self._differs("targetKeyId", inputs["targetKeyId"], before.get("targetKeyId")):
            self._check_target(inputs)
            self._kms(inputs).update_alias(AliasName=identifier, TargetKeyId=inputs["targetKeyId"])

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        response = call_or_none(lambda: self._kms(state).describe_key(KeyId=identifier), "NotFoundException")
        if response is None:
            return None
        key = response["KeyMetadata"]
        prefix = key["Arn"].partition(":key/")[0]
        return {
            "name": identifier,
            "arn": f"{prefix}:{identifier}",
            "targetKeyId": key["KeyId"],
            "targetKeyArn": key["Arn"],
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        kms = self._kms(state)
        call_or_none(lambda: kms.delete_alias(AliasName=identifier), "NotFoundException")

    def _check_target(self, inputs: Properties) -> None:
        key = self._kms(inputs).describe_key(KeyId=inputs["targetKeyId"])["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            action = f"pointing {self.label} ({inputs['name']})"
            raise AwsCallError(action, "KMSInvalidStateException", f"{key['Arn']} is pending deletion.")

    def _kms(self, properties: Properties) -> Any:
        return self.account.client("kms", self.region(properties))
