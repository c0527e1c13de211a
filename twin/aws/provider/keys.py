"""KMS keys and their aliases."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import answer
from twin.aws.provider.creations import RefusedError
from twin.aws.provider.documents import as_text, canonical, listed, policy, statements
from twin.aws.provider.kind import UniqueKind
from twin.aws.provider.principals import demand_principals
from twin.aws.provider.wire import DOCUMENT, FLAG, TAGS, TEXT, WHOLE, block, pairs, unpaired
from twin.provider.rules import InputRule, at_most_one, length, matches, one_of, within
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties

_CREATION = "twin:creation"
"""Tag that tells which interrupted creation made a key; keys have no name to find them by."""

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
_ADMINISTERING = {"*", "kms:*", "kms:Put*", "kms:PutKeyPolicy"}


def _rotation(inputs: Properties) -> Iterator[InputRefusal]:
    rotates = inputs.get("enableKeyRotation")
    if inputs.get("rotationPeriodInDays") is not None and not rotates:
        yield InputRefusal("rotationPeriodInDays", "rotationPeriodInDays requires enableKeyRotation")
    if rotates is True and inputs.get("customerMasterKeySpec") not in {_SYMMETRIC, UNKNOWN}:
        yield InputRefusal("enableKeyRotation", "enableKeyRotation is only possible for symmetric keys")


class Key(UniqueKind):
    """`aws:kms/key:Key`; KMS draws its id. Deletion schedules it; for the stack it is gone at once."""

    label = "KMS Key"
    inputs = block(
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
        policy("policy", "key", 32_768),
        _rotation,
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
    remembered = frozenset({"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"})
    outputs = ("arn", "keyId")
    tagged = True
    taken_code = "AlreadyExistsException"

    def canonical(self, name: str, value: Any) -> Any:
        return canonical(value) if name == "policy" else super().canonical(name, value)

    def find(self, wanted: Properties, token: str) -> str | None:
        kms = self._kms(wanted)
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                tags = unpaired(kms.list_resource_tags(KeyId=key["KeyId"])["Tags"], "TagKey", "TagValue")
                if tags.get(_CREATION) == token:
                    return str(key["KeyId"])
        return None

    def found(self, wanted: Properties, token: str) -> str:
        self._demand_policy(wanted)
        optional = {"Policy": as_text(wanted["policy"])} if "policy" in wanted else {}
        made = self._kms(wanted).create_key(
            Description=wanted.get("description", ""),
            KeyUsage=wanted["keyUsage"],
            KeySpec=wanted["customerMasterKeySpec"],
            MultiRegion=bool(wanted.get("multiRegion")),
            Tags=pairs({**self.tags(wanted), _CREATION: token}, "TagKey", "TagValue"),
            **optional,
        )
        return str(made["KeyMetadata"]["KeyId"])

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        kms = self._kms(wanted)
        if "policy" in wanted and state and self._differs("policy", wanted["policy"], state.get("policy")):
            self._demand_policy(wanted)
            kms.put_key_policy(KeyId=identifier, PolicyName="default", Policy=as_text(wanted["policy"]))
        if state and wanted.get("description", "") != state.get("description", ""):
            kms.update_key_description(KeyId=identifier, Description=wanted.get("description", ""))
        self._rotate(kms, identifier, state, wanted)
        if wanted["isEnabled"] != state.get("isEnabled", True):
            (kms.enable_key if wanted["isEnabled"] else kms.disable_key)(KeyId=identifier)
        self._retag(kms, identifier, state, wanted)

    def look(self, identifier: str, state: Properties) -> Properties | None:
        kms = self._kms(state)
        described = answer(lambda: kms.describe_key(KeyId=identifier), "NotFoundException")
        if described is None or described["KeyMetadata"]["KeyState"] == "PendingDeletion":
            return None
        key = described["KeyMetadata"]
        rotation = kms.get_key_rotation_status(KeyId=identifier) if key["KeySpec"] == _SYMMETRIC else {}
        tags = unpaired(kms.list_resource_tags(KeyId=identifier)["Tags"], "TagKey", "TagValue")
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
            "tagsAll": {name: value for name, value in tags.items() if name != _CREATION},
        }

    def remove(self, identifier: str, state: Properties) -> None:
        days = state.get("deletionWindowInDays") or 30
        kms = self._kms(state)
        if self.look(identifier, state) is not None:
            kms.schedule_key_deletion(KeyId=identifier, PendingWindowInDays=days)

    def _rotate(self, kms: Any, identifier: str, state: Properties, wanted: Properties) -> None:
        rotates, period = wanted["enableKeyRotation"], wanted.get("rotationPeriodInDays")
        if rotates and (
            not state.get("enableKeyRotation") or period not in {None, state.get("rotationPeriodInDays")}
        ):
            kms.enable_key_rotation(KeyId=identifier, **({"RotationPeriodInDays": period} if period else {}))
        elif not rotates and state.get("enableKeyRotation"):
            kms.disable_key_rotation(KeyId=identifier)

    def _retag(self, kms: Any, identifier: str, state: Properties, wanted: Properties) -> None:
        tags, before = self.tags(wanted), state.get("tagsAll") or {}
        if not state or tags == before:
            return
        if gone := sorted(before.keys() - tags.keys()):
            kms.untag_resource(KeyId=identifier, TagKeys=gone)
        if tags:
            kms.tag_resource(KeyId=identifier, Tags=pairs(tags, "TagKey", "TagValue"))

    def _demand_policy(self, wanted: Properties) -> None:
        """Refuse what KMS refuses and moto does not: unknown principals, a policy that locks everyone out."""
        document = wanted.get("policy")
        if document is None:
            return
        doing = f"writing {self.label} policy"
        demand_principals(self.account, document, doing, "MalformedPolicyDocumentException")
        lasting = any(
            statement["Effect"] == "Allow"
            and _ADMINISTERING & set(listed(statement.get("Action")))
            and statement.get("Principal")
            for statement in statements(document)
        )
        if not lasting and not wanted["bypassPolicyLockoutSafetyCheck"]:
            raise RefusedError(
                doing,
                "MalformedPolicyDocumentException",
                "The new key policy will not allow you to update the key policy in the future.",
            )

    def _kms(self, properties: Properties) -> Any:
        return self.account.client("kms", self.region(properties))


class Alias(UniqueKind):
    """`aws:kms/alias:Alias`; its id is its name."""

    label = "KMS Alias"
    inputs = block({"name": TEXT, "namePrefix": TEXT, "targetKeyId!": TEXT, "region": TEXT})
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
    taken_code = "AlreadyExistsException"

    def name_for(self, logical_name: str) -> str:
        return f"alias/{super().name_for(logical_name)}"

    def canonical(self, name: str, value: Any) -> Any:
        if name == "targetKeyId":  # a key's id and its ARN are the same target
            return str(value).rpartition("/")[2]
        return super().canonical(name, value)

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        planned = super().plan(state, inputs)
        if state and self._differs("targetKeyId", inputs["targetKeyId"], state.get("targetKeyId")):
            planned["targetKeyArn"] = UNKNOWN
        return planned

    def find(self, wanted: Properties, token: str) -> str | None:
        del token
        name = wanted["name"]
        found = answer(lambda: self._kms(wanted).describe_key(KeyId=name), "NotFoundException")
        return name if found else None

    def found(self, wanted: Properties, token: str) -> str:
        del token
        self._demand_target(wanted)
        self._kms(wanted).create_alias(AliasName=wanted["name"], TargetKeyId=wanted["targetKeyId"])
        return str(wanted["name"])

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        before = state or self.look(identifier, wanted) or {}
        if self._differs("targetKeyId", wanted["targetKeyId"], before.get("targetKeyId")):
            self._demand_target(wanted)
            self._kms(wanted).update_alias(AliasName=identifier, TargetKeyId=wanted["targetKeyId"])

    def look(self, identifier: str, state: Properties) -> Properties | None:
        found = answer(lambda: self._kms(state).describe_key(KeyId=identifier), "NotFoundException")
        if found is None:
            return None
        key = found["KeyMetadata"]
        arn = key["Arn"].partition(":key/")[0]
        return {
            "name": identifier,
            "arn": f"{arn}:{identifier}",
            "targetKeyId": key["KeyId"],
            "targetKeyArn": key["Arn"],
        }

    def remove(self, identifier: str, state: Properties) -> None:
        kms = self._kms(state)
        answer(lambda: kms.delete_alias(AliasName=identifier), "NotFoundException")

    def _demand_target(self, wanted: Properties) -> None:
        key = self._kms(wanted).describe_key(KeyId=wanted["targetKeyId"])["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            doing = f"pointing {self.label} ({wanted['name']})"
            raise RefusedError(doing, "KMSInvalidStateException", f"{key['Arn']} is pending deletion.")

    def _kms(self, properties: Properties) -> Any:
        return self.account.client("kms", self.region(properties))
