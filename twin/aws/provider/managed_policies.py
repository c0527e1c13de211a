"""Managed policies of IAM, such as permissions boundaries."""

from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.documents import normalize_document, policy_document, to_json
from twin.aws.provider.resource_type import UniqueAwsResource
from twin.aws.provider.wire import DOCUMENT, TAGS, TEXT, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, length, matches
from twin.provider.values import Properties

_NOT_FOUND = "NoSuchEntity"
_MOST_VERSIONS = 5


class ManagedPolicy(UniqueAwsResource):
    """`aws:iam/policy:Policy`; its id is its ARN. A change is a new default version."""

    label = "IAM Policy"
    input_schema = block(
        {
            "description": TEXT,
            "name": TEXT,
            "namePrefix": TEXT,
            "path": TEXT,
            "policy!": DOCUMENT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        policy_document("policy", "identity", 6144),
        length("name", 128, 1),
        matches("name", r"[\w+=,.@-]*", "only have letters, digits and + = , . @ - _"),
        at_most_one("", "name", "namePrefix"),
        length("description", 1000),
        matches("path", r"/(.*/)?", "begin and end with /"),
    )
    defaults: ClassVar[Properties] = {"path": "/"}
    unmodelled = frozenset({"delayAfterPolicyCreationInMs"})
    replaces = frozenset({"description", "name", "path"})
    outputs = ("arn", "policyId")
    regional = False
    tagged = True
    name_property = "name"
    conflict_code = "EntityAlreadyExists"

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        arn = f"arn:aws:iam::{self.account.id}:policy{inputs['path']}{inputs['name']}"
        return arn if call_or_none(lambda: self._iam.get_policy(PolicyArn=arn), _NOT_FOUND) else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        created = self._iam.create_policy(
            PolicyName=inputs["name"],
            Path=inputs["path"],
            PolicyDocument=to_json(inputs["policy"]),
            Description=inputs.get("description", ""),
            Tags=tags_to_api(self.tags(inputs)),
        )
        return str(created["Policy"]["Arn"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        if not state:
            return
        iam = self._iam
        if self._differs("policy", inputs["policy"], state.get("policy")):
            versions = iam.list_policy_versions(PolicyArn=identifier)["Versions"]
            if len(versions) >= _MOST_VERSIONS:
                others = [version for version in versions if not version["IsDefaultVersion"]]
                oldest = min(others, key=lambda version: version["CreateDate"])
                iam.delete_policy_version(PolicyArn=identifier, VersionId=oldest["VersionId"])
            iam.create_policy_version(
                PolicyArn=identifier, PolicyDocument=to_json(inputs["policy"]), SetAsDefault=True
            )
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            iam.untag_policy(PolicyArn=identifier, TagKeys=removed)
        if tags:
            iam.tag_policy(PolicyArn=identifier, Tags=tags_to_api(tags))

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        del state
        iam = self._iam
        response = call_or_none(lambda: iam.get_policy(PolicyArn=identifier), _NOT_FOUND)
        if response is None:
            return None
        policy = response["Policy"]
        version = iam.get_policy_version(PolicyArn=identifier, VersionId=policy["DefaultVersionId"])
        return {
            "arn": identifier,
            "description": policy.get("Description") or None,
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy": to_json(version["PolicyVersion"]["Document"]),
            "policyId": policy["PolicyId"],
            "tagsAll": tags_from_api(policy.get("Tags", [])),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        if self._read(identifier, state) is None:
            return
        iam = self._iam
        for version in iam.list_policy_versions(PolicyArn=identifier)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=identifier, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=identifier)

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")
