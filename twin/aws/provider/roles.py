"""IAM roles, their inline policies, and OpenID Connect providers."""

from collections.abc import Iterator
from typing import Any, ClassVar

from twin.aws.provider.account import answer
from twin.aws.provider.documents import as_text, canonical, listed, policy, statements
from twin.aws.provider.kind import AwsKind, UniqueKind
from twin.aws.provider.principals import demand_principals
from twin.aws.provider.wire import DOCUMENT, FLAG, TAGS, TEXT, WHOLE, block, pairs, unpaired
from twin.provider.rules import InputRule, at_most_one, length, matches, size, within
from twin.provider.schema import ListOf
from twin.provider.server import InputRefusal
from twin.provider.values import Properties, has_unknown

_NAME = (r"[\w+=,.@-]*", "only have letters, digits and + = , . @ - _")
_GITHUB = "token.actions.githubusercontent.com"
_ABSENT = "NoSuchEntity"


def _github_subject(inputs: Properties) -> Iterator[InputRefusal]:
    """IAM refuses trust in GitHub's shared issuer that is not bound to a subject."""
    document = inputs.get("assumeRolePolicy")
    if document is None or has_unknown(document):
        return
    for statement in statements(document):
        principal = statement.get("Principal")
        federated = listed(principal.get("Federated")) if isinstance(principal, dict) else []
        conditions: Properties = statement.get("Condition") or {}
        keys = {key.lower() for operator in conditions.values() for key in operator}
        if any(str(name).endswith(_GITHUB) for name in federated) and f"{_GITHUB}:sub" not in keys:
            yield InputRefusal(
                "assumeRolePolicy",
                f"assumeRolePolicy trusts {_GITHUB} without a condition on {_GITHUB}:sub",
            )


class IamRole(UniqueKind):
    """`aws:iam/role:Role`; its id is its name."""

    label = "IAM Role"
    inputs = block(
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
        policy("assumeRolePolicy", "trust", 2048),
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
    remembered = frozenset({"forceDetachPolicies"})
    outputs = ("arn", "createDate", "uniqueId")
    regional = False
    tagged = True
    name_property = "name"
    taken_code = "EntityAlreadyExists"

    def name_for(self, logical_name: str) -> str:
        return super().name_for(logical_name[:56])

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        wanted, refusals = super().check(name, inputs, old_inputs)
        return wanted, refusals or list(_github_subject(wanted))

    def canonical(self, name: str, value: Any) -> Any:
        return canonical(value) if name == "assumeRolePolicy" else super().canonical(name, value)

    def find(self, wanted: Properties, token: str) -> str | None:
        del token
        name = wanted["name"]
        return name if answer(lambda: self._iam.get_role(RoleName=name), _ABSENT) else None

    def found(self, wanted: Properties, token: str) -> str:
        del token
        self._demand_principals(wanted)
        boundary = wanted.get("permissionsBoundary")
        self._iam.create_role(
            RoleName=wanted["name"],
            AssumeRolePolicyDocument=as_text(wanted["assumeRolePolicy"]),
            Description=wanted.get("description", ""),
            MaxSessionDuration=wanted["maxSessionDuration"],
            Path=wanted["path"],
            Tags=pairs(self.tags(wanted)),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )
        return str(wanted["name"])

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        if not state:
            return
        iam = self._iam
        if self._differs("assumeRolePolicy", wanted["assumeRolePolicy"], state.get("assumeRolePolicy")):
            self._demand_principals(wanted)
            iam.update_assume_role_policy(
                RoleName=identifier, PolicyDocument=as_text(wanted["assumeRolePolicy"])
            )
        iam.update_role(
            RoleName=identifier,
            Description=wanted.get("description", ""),
            MaxSessionDuration=wanted["maxSessionDuration"],
        )
        boundary = wanted.get("permissionsBoundary")
        if boundary:
            iam.put_role_permissions_boundary(RoleName=identifier, PermissionsBoundary=boundary)
        elif state.get("permissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=identifier)
        tags, before = self.tags(wanted), state.get("tagsAll") or {}
        if gone := sorted(before.keys() - tags.keys()):
            iam.untag_role(RoleName=identifier, TagKeys=gone)
        if tags != before:
            iam.tag_role(RoleName=identifier, Tags=pairs(tags))

    def look(self, identifier: str, state: Properties) -> Properties | None:
        del state
        found = answer(lambda: self._iam.get_role(RoleName=identifier), _ABSENT)
        if found is None:
            return None
        role = found["Role"]
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": as_text(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": role.get("Description") or None,
            "maxSessionDuration": role["MaxSessionDuration"],
            "name": role["RoleName"],
            "path": role["Path"],
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tagsAll": unpaired(role.get("Tags", [])),
            "uniqueId": role["RoleId"],
        }

    def remove(self, identifier: str, state: Properties) -> None:
        iam = self._iam
        if state.get("forceDetachPolicies") and self.look(identifier, state):
            for name in iam.list_role_policies(RoleName=identifier)["PolicyNames"]:
                iam.delete_role_policy(RoleName=identifier, PolicyName=name)
            for attached in iam.list_attached_role_policies(RoleName=identifier)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=identifier, PolicyArn=attached["PolicyArn"])
        answer(lambda: iam.delete_role(RoleName=identifier), _ABSENT)

    def _demand_principals(self, wanted: Properties) -> None:
        doing = f"writing {self.label} trust policy ({wanted['name']})"
        demand_principals(self.account, wanted["assumeRolePolicy"], doing, "MalformedPolicyDocument")

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")


class RolePolicy(AwsKind):
    """`aws:iam/rolePolicy:RolePolicy`; its id is `<role>:<policy>`."""

    label = "IAM Role Policy"
    inputs = block({"name": TEXT, "namePrefix": TEXT, "policy!": DOCUMENT, "role!": TEXT})
    rules: ClassVar[tuple[InputRule, ...]] = (
        policy("policy", "identity", 10_240),
        length("name", 128, 1),
        matches("name", *_NAME),
        at_most_one("", "name", "namePrefix"),
    )
    replaces = frozenset({"name", "role"})
    regional = False
    name_property = "name"

    def canonical(self, name: str, value: Any) -> Any:
        return canonical(value) if name == "policy" else super().canonical(name, value)

    def make(self, wanted: Properties) -> str:
        identifier = f"{wanted['role']}:{wanted['name']}"
        self.change(identifier, {}, wanted)
        return identifier

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        del identifier, state
        self._iam.put_role_policy(
            RoleName=wanted["role"], PolicyName=wanted["name"], PolicyDocument=as_text(wanted["policy"])
        )

    def look(self, identifier: str, state: Properties) -> Properties | None:
        del state
        role, _, name = identifier.partition(":")
        found = answer(lambda: self._iam.get_role_policy(RoleName=role, PolicyName=name), _ABSENT)
        if found is None:
            return None
        return {"role": role, "name": name, "policy": as_text(found["PolicyDocument"])}

    def remove(self, identifier: str, state: Properties) -> None:
        del state
        role, _, name = identifier.partition(":")
        answer(lambda: self._iam.delete_role_policy(RoleName=role, PolicyName=name), _ABSENT)

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")


class OpenIdConnectProvider(UniqueKind):
    """`aws:iam/openIdConnectProvider:OpenIdConnectProvider`; its id is its ARN."""

    label = "IAM OIDC Provider"
    inputs = block(
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
    taken_code = "EntityAlreadyExists"

    def canonical(self, name: str, value: Any) -> Any:
        match name:
            case "url":  # IAM keeps it without the scheme
                return str(value).removeprefix("https://")
            case "clientIdLists":
                return sorted(value or [])
            case _:
                return super().canonical(name, value)

    def find(self, wanted: Properties, token: str) -> str | None:
        del token
        arn = f"arn:aws:iam::{self.account.id}:oidc-provider/{self.canonical('url', wanted['url'])}"
        return arn if self._get(arn) else None

    def found(self, wanted: Properties, token: str) -> str:
        del token
        return self._create(wanted, wanted.get("thumbprintLists", []))

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        """Make it anew under the same ARN: moto cannot add and remove client ids."""
        if state:
            self._iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier)
            self._create(wanted, wanted.get("thumbprintLists", state.get("thumbprintLists", [])))

    def look(self, identifier: str, state: Properties) -> Properties | None:
        del state
        found = self._get(identifier)
        return found and {
            "arn": identifier,
            "url": found["Url"],
            "clientIdLists": found["ClientIDList"],
            "thumbprintLists": found["ThumbprintList"],
            "tagsAll": unpaired(found.get("Tags", [])),
        }

    def remove(self, identifier: str, state: Properties) -> None:
        del state
        iam = self._iam
        answer(lambda: iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=identifier), _ABSENT)

    def _create(self, wanted: Properties, thumbprints: list[str]) -> str:
        made = self._iam.create_open_id_connect_provider(
            Url=wanted["url"],
            ClientIDList=wanted["clientIdLists"],
            ThumbprintList=thumbprints,
            Tags=pairs(self.tags(wanted)),
        )
        return str(made["OpenIDConnectProviderArn"])

    def _get(self, arn: str) -> Properties | None:
        iam = self._iam
        return answer(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn), _ABSENT)

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")
