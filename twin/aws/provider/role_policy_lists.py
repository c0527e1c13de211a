"""
The exclusive lists of a role's policies: whatever else the role has is removed.

Source: hashicorp/terraform-provider-aws, internal/service/iam/role_policies_exclusive.go and
role_policy_attachments_exclusive.go.
"""

from abc import abstractmethod
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.resource_type import AwsResource
from twin.aws.provider.wire import TEXT, block
from twin.provider.schema import ListOf
from twin.provider.values import Properties

_NOT_FOUND = "NoSuchEntity"


class RolePolicyList(AwsResource):
    """A list of a role's policies; its id is the role's name, and its deletion removes no policy."""

    list_property: ClassVar[str]
    replaces = frozenset({"roleName"})
    regional = False

    @abstractmethod
    def _list(self, role: str) -> list[str]:
        """Return the names or ARNs of the policies that the role has."""

    @abstractmethod
    def _add(self, role: str, policy: str) -> None:
        """Give the role a policy that it lacks."""

    @abstractmethod
    def _remove(self, role: str, policy: str) -> None:
        """Take a policy from the role."""

    def normalize(self, name: str, value: Any) -> Any:
        return sorted(value or []) if name == self.list_property else super().normalize(name, value)

    def _create(self, inputs: Properties) -> str:
        role = str(inputs["roleName"])
        self._update(role, {}, inputs)
        return role

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        del state
        wanted, there = set(inputs[self.list_property]), set(self._list(identifier))
        for policy in sorted(wanted - there):
            self._add(identifier, policy)
        for policy in sorted(there - wanted):
            self._remove(identifier, policy)

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        del state
        policies = call_or_none(lambda: self._list(identifier), _NOT_FOUND)
        return None if policies is None else {"roleName": identifier, self.list_property: policies}

    def _delete(self, identifier: str, state: Properties) -> None:
        """Do nothing: the list is no longer looked after."""

    @property
    def _iam(self) -> Any:
        return self.account.client("iam")


class RolePoliciesExclusive(RolePolicyList):
    """`aws:iam/rolePoliciesExclusive:RolePoliciesExclusive`: the names of a role's inline policies."""

    label = "IAM Role Policies Exclusive"
    list_property = "policyNames"
    input_schema = block({"policyNames!": ListOf(TEXT), "roleName!": TEXT})

    def _list(self, role: str) -> list[str]:
        pages = self._iam.get_paginator("list_role_policies").paginate(RoleName=role)
        return [name for page in pages for name in page["PolicyNames"]]

    def _add(self, role: str, policy: str) -> None:
        # The provider asks for it without a document, which IAM refuses.
        raise AwsCallError(
            f"updating {self.label} ({role})", "ValidationError", f"the policy {policy} is not there"
        )

    def _remove(self, role: str, policy: str) -> None:
        self._iam.delete_role_policy(RoleName=role, PolicyName=policy)


class RolePolicyAttachmentsExclusive(RolePolicyList):
    """`aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive`: ARNs of managed policies."""

    label = "IAM Role Policy Attachments Exclusive"
    list_property = "policyArns"
    input_schema = block({"policyArns!": ListOf(TEXT), "roleName!": TEXT})

    def _list(self, role: str) -> list[str]:
        pages = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
        return [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]]

    def _add(self, role: str, policy: str) -> None:
        self._iam.attach_role_policy(RoleName=role, PolicyArn=policy)

    def _remove(self, role: str, policy: str) -> None:
        self._iam.detach_role_policy(RoleName=role, PolicyArn=policy)
