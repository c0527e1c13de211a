"""
What a refresh can't see of a role: policies that nobody declared, and a boundary that is another one.

Each inline policy is a resource of its own in the state, and so is each attachment. Where a stack does not
own the lists (RolePoliciesExclusive, RolePolicyAttachmentsExclusive), a refresh shows none that was added.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack, StateResource, inputs_of
from live.finding import LiveFinding, Lookup, name

_UNWANTED = "declare it, or remove it from the role at once: the role may do what it says."


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield one lookup for each role of the stack."""
    for role in declared.of_type("aws:iam/role:Role"):
        yield Lookup(
            f"IAM role {role['id']}",
            f"aws/role/{role['id']}",
            lambda role=role: _find(role, declared, access),
        )


def _find(role: StateResource, declared: DeclaredStack, access: AwsAccess) -> Iterator[LiveFinding]:
    role_name = str(role["id"])
    iam = access.open_client("iam", declared.provider_of(role))
    with explain_errors(f"reading the role {role_name}"):
        try:
            live = iam.get_role(RoleName=role_name)["Role"]
        except iam.exceptions.NoSuchEntityException:
            return  # the refresh says that it is gone
        inline = _pages(iam, "list_role_policies", "PolicyNames", RoleName=role_name)
        attached = _pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=role_name)
    known = _declared_policies(declared, role)
    for policy in sorted(set(inline) - known):
        yield LiveFinding(
            name("aws/role", role_name, "inline", policy),
            f"it is an inline policy of the role {role_name} that nobody declared",
            _UNWANTED,
        )
    for arn in sorted(
        {str(policy["PolicyArn"]) for policy in attached} - _declared_attachments(declared, role)
    ):
        yield LiveFinding(
            name("aws/role", role_name, "attached", arn),
            f"it is attached to the role {role_name}, which nobody declared",
            _UNWANTED,
        )
    boundary = live.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    if boundary != inputs_of(role).get("permissionsBoundary"):
        yield LiveFinding(
            name("aws/role", role_name, "boundary"),
            f"its permissions boundary is {boundary or 'gone'} and not the declared one",
            "see who changed it (CloudTrail); `./bulwark refresh --accept` and `./bulwark up` put it right.",
        )


def _pages(iam: Any, operation: str, key: str, **query: str) -> list[Any]:
    pages: Iterable[dict[str, Any]] = iam.get_paginator(operation).paginate(**query)
    return [one for page in pages for one in page[key]]


def _declared_policies(declared: DeclaredStack, role: StateResource) -> set[str]:
    embedded = {str(policy.get("name")) for policy in inputs_of(role).get("inlinePolicies") or ()}
    return embedded | {
        str(policy["id"]).partition(":")[2]
        for policy in declared.of_type("aws:iam/rolePolicy:RolePolicy")
        if str(policy["id"]).partition(":")[0] == role["id"]
    }


def _declared_attachments(declared: DeclaredStack, role: StateResource) -> set[str]:
    embedded = {str(arn) for arn in inputs_of(role).get("managedPolicyArns") or ()}
    return embedded | {
        str(inputs_of(attachment)["policyArn"])
        for attachment in declared.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if inputs_of(attachment).get("role") == role["id"]
    }
