"""Secrets of Secrets Manager, and their versions, which hold the values."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.documents import normalize_document, policy_document, to_json
from twin.aws.provider.principals import check_principals
from twin.aws.provider.resource_type import AwsResource, UniqueAwsResource
from twin.aws.provider.wire import DOCUMENT, TAGS, TEXT, WHOLE, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, each, length, matches
from twin.provider.schema import ListOf
from twin.provider.server import InputRefusal
from twin.provider.values import Properties, has_unknown

_NOT_FOUND = "ResourceNotFoundException"
_MARKED_DELETED = "InvalidRequestException"
_SHORTEST_WINDOW, _LONGEST_WINDOW = 7, 30
"""Days for which a deleted secret can be restored."""

_MAX_BYTES = 65_536
"""Secrets Manager's limit of a value (Secrets Manager, "Quotas")."""

_UPDATED = ("description", "kmsKeyId")


class ManagedSecret(UniqueAwsResource):
    """`aws:secretsmanager/secret:Secret`; its id is its ARN. It has no value: its versions do."""

    label = "Secrets Manager Secret"
    input_schema = block(
        {
            "description": TEXT,
            "kmsKeyId": TEXT,
            "name": TEXT,
            "namePrefix": TEXT,
            "policy": DOCUMENT,
            "recoveryWindowInDays": WHOLE,
            "region": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("name", r"[\w/+=.@-]*", "only have letters, digits and / _ + = . @ -"),
        length("name", 512, 1),
        at_most_one("", "name", "namePrefix"),
        length("description", 2048),
        each(
            "recoveryWindowInDays",
            lambda days: days == 0 or _SHORTEST_WINDOW <= days <= _LONGEST_WINDOW,
            "be 0, or between 7 and 30",
        ),
        policy_document("policy", "key", 20_480),
    )
    defaults: ClassVar[Properties] = {"recoveryWindowInDays": 30}
    unmodelled = frozenset({"forceOverwriteReplicaSecret", "replicas"})
    computed = frozenset({"policy"})
    replaces = frozenset({"name"})
    write_only = frozenset({"recoveryWindowInDays"})
    outputs = ("arn",)
    tagged = True
    name_property = "name"
    conflict_code = "ResourceExistsException"

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        found = self._describe(inputs["name"], inputs)
        return found["ARN"] if found else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        optional = {"KmsKeyId": inputs["kmsKeyId"]} if inputs.get("kmsKeyId") else {}
        response = self._client(inputs).create_secret(
            Name=inputs["name"],
            Description=inputs.get("description", ""),
            Tags=tags_to_api(self.tags(inputs)),
            **optional,
        )
        return str(response["ARN"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        client = self._client(inputs)
        if state and any(self._differs(name, inputs.get(name), state.get(name)) for name in _UPDATED):
            optional = {"KmsKeyId": inputs["kmsKeyId"]} if inputs.get("kmsKeyId") else {}
            client.update_secret(SecretId=identifier, Description=inputs.get("description", ""), **optional)
        if "policy" in inputs and self._differs("policy", inputs["policy"], state.get("policy")):
            check_principals(
                self.account,
                inputs["policy"],
                f"putting {self.label} ({inputs['name']}) policy",
                "MalformedPolicyDocumentException",
            )
            client.put_resource_policy(SecretId=identifier, ResourcePolicy=to_json(inputs["policy"]))
        if not state:
            return
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            client.untag_resource(SecretId=identifier, TagKeys=removed)
        if tags:
            client.tag_resource(SecretId=identifier, Tags=tags_to_api(tags))

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        found = self._describe(identifier, state)
        if found is None:
            return None
        policy = self._client(state).get_resource_policy(SecretId=identifier).get("ResourcePolicy")
        return {
            "arn": found["ARN"],
            "description": found.get("Description") or None,
            "kmsKeyId": found.get("KmsKeyId"),
            "name": found["Name"],
            "policy": policy,
            "tagsAll": tags_from_api(found.get("Tags", [])),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        days = int(state.get("recoveryWindowInDays", 30))
        how: dict[str, Any] = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        client = self._client(state)
        call_or_none(lambda: client.delete_secret(SecretId=identifier, **how), _NOT_FOUND, _MARKED_DELETED)

    def _describe(self, identifier: str, properties: Properties) -> Properties | None:
        """Return a secret that is not marked as deleted."""
        client = self._client(properties)
        found = call_or_none(lambda: client.describe_secret(SecretId=identifier), _NOT_FOUND)
        return None if found is None or found.get("DeletedDate") else found

    def _client(self, properties: Properties) -> Any:
        return self.account.client("secretsmanager", self.region(properties))


def _check_size(inputs: Properties) -> Iterator[InputRefusal]:
    value = inputs.get("secretString")
    if not has_unknown(value) and len(str(value or "").encode()) > _MAX_BYTES:
        yield InputRefusal("secretString", f"secretString is longer than {_MAX_BYTES:,} bytes")


class ManagedSecretVersion(AwsResource):
    """`aws:secretsmanager/secretVersion:SecretVersion`; its id is `<secret>|<version>`."""

    label = "Secrets Manager Secret Version"
    input_schema = block(
        {"secretId!": TEXT, "secretString": TEXT, "versionStages": ListOf(TEXT), "region": TEXT}
    )
    rules: ClassVar[tuple[InputRule, ...]] = (_check_size,)
    unmodelled = frozenset({"secretBinary", "secretStringWo", "secretStringWoVersion"})
    computed = frozenset({"versionStages"})
    replaces = frozenset({"secretId", "secretString"})
    outputs = ("arn", "versionId")

    def _create(self, inputs: Properties) -> str:
        stages = {"VersionStages": inputs["versionStages"]} if inputs.get("versionStages") else {}
        response = self._client(inputs).put_secret_value(
            SecretId=inputs["secretId"], SecretString=inputs["secretString"], **stages
        )
        return f"{inputs['secretId']}|{response['VersionId']}"

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        del state, inputs
        raise AwsCallError(
            f"updating {self.label} ({identifier})", "NotModelled", "the twin moves no stages of a version"
        )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        secret, _, version = identifier.partition("|")
        client = self._client(state)
        found = call_or_none(
            lambda: client.get_secret_value(SecretId=secret, VersionId=version), _NOT_FOUND, _MARKED_DELETED
        )
        return found and {
            "arn": found["ARN"],
            "secretId": secret,
            "secretString": found["SecretString"],
            "versionId": found["VersionId"],
            "versionStages": sorted(found["VersionStages"]),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        """Leave the value: Secrets Manager removes a version once no stage is left (AWS, "Versions")."""

    def _client(self, properties: Properties) -> Any:
        return self.account.client("secretsmanager", self.region(properties))
