"""IAM roles, their inline policies, and OpenID Connect providers."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.documents import (
    as_list,
    normalize_document,
    parse_statements,
    policy_document,
    to_json,
)
from twin.aws.provider.principals import check_principals
from twin.aws.provider.resource_type import AwsResource, UniqueAwsResource
from twin.aws.provider.wire import DOCUMENT, FLAG, TAGS, TEXT, WHOLE, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, length, matches, size, within
from twin.provider.schema import ListOf
from twin.provider.server import InputRefusal
from twin.provider.values import Properties, has_unknown

_NAME = (r"[\w+=,.@-]*", "only have letters, digits and + = , . @ - _")
_GITHUB = "token.actions.githubusercontent.com"
_NOT_FOUND = "NoSuchEntity"


def _check_github_subject(inputs: Properties) -> Iterator[InputRefusal]:
    """Refuse, as IAM does, trust in GitHub's shared OIDC issuer without a condition on the subject."""
    document = inputs.get("assumeRolePolicy")
    if document is None or has_unknown(document):
        return
    for statement in parse_statements(document):
        principal = statement.get("Principal")
        federated = as_list(principal.get("Federated")) if isinstance(principal, dict) else []
        conditions: Properties = statement.get("Condition") or {}
        keys = {key.lower() for operator in conditions.values() for key in operator}
        if any(str(name).endswith(_GITHUB) for name in federated) and f"{_GITHUB}:sub" not in keys:
            yield InputRefusal(
                "assumeRolePolicy",
                f"assumeRolePolicy trusts {_GITHUB} without a condition on {_GITHUB}:sub",
            )


class IamRole(UniqueAwsResource):
    """`aws:iam/role:Role`; its id is its name."""

    label = "IAM Role"
    input_schema = block(
        {
            "assumeRolePolicy!": DOCUMENT,
            "description": TEXT,
            "forceDetachPolicies": FLAG,
            "maxSessionDuration": WHOLE,
            "name": TEXT,
            "namePrefix": TEXT,
            "path": TEXT,
            "permissionsBoundary": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        policy_document("assumeRolePolicy", "trust", 2048),
        within("maxSessionDuration", 3600, 43_200),
        length("name", 64, 1),
        matches("name", *_NAME),
        length("namePrefix", 38),
        at_most_one("", "name", "namePrefix"),
        length("description", 1000),
        matches("path", r"/(.*/)?", "begin and end with /"),
    )
    defaults: ClassVar[Properties] = {
        "forceDetachPolicies": False,
        "maxSessionDuration": 3600,
        "path": "/",
    }
    unmodelled = frozenset({"inlinePolicies", "managedPolicyArns"})
    replaces = frozenset({"name", "path"})
    write_only = frozenset({"forceDetachPolicies"})
    outputs = ("arn", "createDate", "uniqueId")
    regional = False
    tagged = True
    name_property = "name"
    conflict_code = "EntityAlreadyExists"

    def generate_name(self, logical_name: str) -> str:
        return super().generate_name(logical_name[:56])

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        checked, refusals = super().check(name, inputs, old_inputs)
        return checked, refusals or list(_check_github_subject(checked))

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "assumeRolePolicy" else super().normalize(name, value)

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        name = inputs["name"]
        return name if call_or_none(lambda: self._iam.get_role(RoleName=name), _NOT_FOUND) else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        self._check_trust(inputs)
        boundary = inputs.get("permissionsBoundary")
        self._iam.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=to_json(inputs["assumeRolePolicy"]),
            Description=inputs.get("description", ""),
            MaxSessionDuration=inputs["maxSessionDuration"],
            Path=inputs["path"],
            Tags=tags_to_api(self.tags(inputs)),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )
        return str(inputs["name"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        if not state:
            return
        iam = self._iam
        if self._differs("assumeRolePolicy", inputs["assumeRolePolicy"], state.get("assumeRolePolicy")):
            self._check_trust(inputs)
            iam.update_assume_role_policy(
                RoleName=identifier, PolicyDocument=to_json(inputs["assumeRolePolicy"])
            )
        iam.update_role(
            RoleName=identifier,
            Description=inputs.get("description", ""),
            MaxSessionDuration=inputs["maxSessionDuration"],
        )
        boundary = inputs.get("permissionsBoundary")
        if boundary:
            iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
        elif state.get("permissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=identifier)
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            iam.untag_role(RoleName=identifier, TagKeys=removed)
        if tags:
            iam.tag_role(RoleName=identifier, Tags=tags_to_api(tags))

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        del state
        response = call_or_none(lambda: self._iam.get_role(RoleName=identifier), _NOT_FOUND)
        if response is None:
            return None
        role = response["Role"]
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": to_json(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": role.get("Description") or None,
            "maxSessionDuration": role["MaxSessionDuration"],
            "name": role["RoleName"],
            "path": role["Path"],
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tagsAll": tags_from_api(role.get("Tags", [])),
            "uniqueId": role["RoleId"],
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        iam = self._iam
        if state.get("forceDetachPolicies") and self._read(identifier, state):
            for name in iam.list_role_policies(RoleName=identifier)["PolicyNames"]:
                iam.delete_role_policy(RoleName=identifier, PolicyName=name)
            for attached in iam.list_attached_role_policies(RoleName=identifier)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=identifier, PolicyArn=attached["PolicyArn"])
        call_or_none(lambda: iam.delete_role(RoleName=identifier), _NOT_FOUND)

    def _check_trust(self, inputs: Properties) -> None:
        action = f"writing {self.label} trust policy ({inputs['name']})"
        check_principals(self.account, inputs["assumeRolePolicy"], action, "MalformedPolicyDocument")

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")


class RolePolicy(AwsResource):
    """`aws:iam/rolePolicy:RolePolicy`; its id is `<role>:<policy>`."""

    label = "IAM Role Policy"
    input_schema = block({"name": TEXT, "namePrefix": TEXT, "policy!": DOCUMENT, "role!": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (
        policy_document("policy", "identity", 10_240),
        length("name", 128, 1),
        matches("name", *_NAME),
        at_most_one("", "name", "namePrefix"),
    )
    replaces = frozenset({"name", "role"})
    regional = False
    name_property = "name"

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _create(self, inputs: Properties) -> str:
        identifier = f"{inputs['role']}:{inputs['name']}"
        self._update(identifier, {}, inputs)
        return identifier

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        del identifier, state
        self._iam.put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=to_json(inputs["policy"])
        )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        del state
        role, _, name = identifier.partition(":")
        policy = call_or_none(lambda: self._iam.get_role_policy(RoleName=role, PolicyName=name), _NOT_FOUND)
        if policy is None:
            return None
        return {"role": role, "name": name, "policy": to_json(policy["PolicyDocument"])}

    def _delete(self, identifier: str, state: Properties) -> None:
        del state
        role, _, name = identifier.partition(":")
        call_or_none(lambda: self._iam.delete_role_policy(RoleName=role, PolicyName=name), _NOT_FOUND)

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")


class OpenIdConnectProvider(UniqueAwsResource):
    """`aws:iam/openIdConnectProvider:OpenIdConnectProvider`; its id is its ARN."""

    label = "IAM OIDC Provider"
    input_schema = block(
        {"url!": TEXT, "clientIdLists!": ListOf(TEXT), "thumbprintLists": ListOf(TEXT), "tags": TAGS}
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("url", r"https://[^\s?#:]+", "be an https address without port or query"),
        length("url", 255),
        size("clientIdLists", 1, 100),
        length("clientIdLists[]", 255, 1),
        size("thumbprintLists", 1, 5),
        matches("thumbprintLists[]", r"[0-9a-fA-F]{40}", "be 40 hexadecimal digits"),
    )
    computed = frozenset({"thumbprintLists"})
    replaces = frozenset({"url"})
    outputs = ("arn",)
    regional = False
    tagged = True
    conflict_code = "EntityAlreadyExists"

    def normalize(self, name: str, value: Any) -> Any:
        match name:
            case "url":  # IAM stores the URL without the scheme
                return str(value).removeprefix("https://")
            case "clientIdLists":
                return sorted(value or [])
            case _:
                return super().normalize(name, value)

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        arn = f"arn:aws:iam::{self.account.id}:oidc-provider/{self.normalize('url', inputs['url'])}"
        return arn if self._get_provider(arn) else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        return self._create_provider(inputs, inputs.get("thumbprintLists", []))

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        """Delete the provider and create it again under the same ARN: moto can't add or remove client ids."""
        if state:
            self._iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier)
            self._create_provider(inputs, inputs.get("thumbprintLists", state.get("thumbprintLists", [])))

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        del state
        provider = self._get_provider(identifier)
        return provider and {
            "arn": identifier,
            "url": provider["Url"],
            "clientIdLists": provider["ClientIDList"],
            "thumbprintLists": provider["ThumbprintList"],
            "tagsAll": tags_from_api(provider.get("Tags", [])),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        del state
        iam = self._iam
        call_or_none(
            lambda: iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier), _NOT_FOUND
        )

    def _create_provider(self, inputs: Properties, thumbprints: list[str]) -> str:
        response = self._iam.create_open_id_connect_provider(
            Url=inputs["url"],
            ClientIDList=inputs["clientIdLists"],
            ThumbprintList=thumbprints,
            Tags=tags_to_api(self.tags(inputs)),
        )
        return str(response["OpenIDConnectProviderArn"])

    def _get_provider(self, arn: str) -> Properties | None:
        iam = self._iam
        return call_or_none(
            lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn), _NOT_FOUND
        )

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")
