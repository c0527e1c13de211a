"""
The permissions that a request to IAM needs.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from collections.abc import Iterator, Mapping
from typing import Final

from moto.core.exceptions import ServiceException
from moto.iam.models import Role, iam_backends
from werkzeug.wrappers import Request

from twin.aws.policy import RequiredPermission

_RESOURCE_PREFIXES: Final = {
    "RoleName": "role/",
    "UserName": "user/",
    "GroupName": "group/",
    "PolicyName": "policy/",
    "InstanceProfileName": "instance-profile/",
}
_ARN_PARAMETERS: Final = ("RoleArn", "OpenIDConnectProviderArn", "PolicyArn", "PolicySourceArn")

_BOUNDARY: Final = "PermissionsBoundary"
_CHANGE_ROLE: Final = frozenset(
    (
        "AttachRolePolicy",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePolicy",
    )
)
"""
Actions whose `iam:PermissionsBoundary` is the boundary that the role has. CreateRole and
PutRolePermissionsBoundary have the requested one; UpdateAssumeRolePolicy, DeleteRole and others have none.
"""

_TAG_ON_CREATION: Final = {
    "CreateInstanceProfile": "TagInstanceProfile",
    "CreateOpenIDConnectProvider": "TagOpenIDConnectProvider",
    "CreatePolicy": "TagPolicy",
    "CreateRole": "TagRole",
    "CreateUser": "TagUser",
}
"""Creation -> the action that it needs besides, if the request has tags."""


def list_iam_permissions(request: Request, account: str) -> list[RequiredPermission]:
    """Return the permission for a request's action, and for tagging what it creates."""
    parameters = request.values
    action = parameters.get("Action", "")
    role = _find_role(parameters.get("RoleName", ""), account)
    resource = role.arn if role else _find_resource(parameters, account)
    context: dict[str, str | tuple[str, ...]] = dict(_read_request_context(parameters))
    names = tuple(name for key, name in parameters.items() if key.startswith("TagKeys."))
    tags = dict(_read_tags(parameters))
    context |= {f"aws:requesttag/{name.lower()}": value for name, value in tags.items()}
    if tags or names:
        context["aws:tagkeys"] = (*tags, *names)
    if role:
        context |= _read_role_context(role, action)
    permissions = [RequiredPermission(f"iam:{action}", resource, context)]
    if tags and action in _TAG_ON_CREATION:
        permissions.append(RequiredPermission(f"iam:{_TAG_ON_CREATION[action]}", resource, context))
    return permissions


def _read_request_context(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if _BOUNDARY in parameters:
        yield "iam:permissionsboundary", parameters[_BOUNDARY]
    if "PolicyArn" in parameters:
        yield "iam:policyarn", parameters["PolicyArn"]


def _read_role_context(role: Role, action: str) -> Iterator[tuple[str, str]]:
    if action in _CHANGE_ROLE and role.permissions_boundary_arn:
        yield "iam:permissionsboundary", role.permissions_boundary_arn
    for tag in role.tags:
        for prefix in ("aws", "iam"):
            yield f"{prefix}:resourcetag/{tag['Key'].lower()}", tag["Value"]


def _read_tags(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        if name.startswith("Tags.") and name.endswith(".Key"):
            yield value, parameters.get(f"{name.removesuffix('Key')}Value", "")


def _find_role(name: str, account: str) -> Role | None:
    try:
        return iam_backends[account]["aws"].get_role(name) if name else None
    except ServiceException:
        return None


def _find_resource(parameters: Mapping[str, str], account: str) -> str:
    for name in _ARN_PARAMETERS:
        if name in parameters and "RoleName" not in parameters:
            return parameters[name]
    if "Url" in parameters:
        return f"arn:aws:iam::{account}:oidc-provider/{parameters['Url'].partition('://')[2]}"
    for name, kind in _RESOURCE_PREFIXES.items():
        if name in parameters:
            path = parameters.get("Path", "/").removeprefix("/")
            return f"arn:aws:iam::{account}:{kind}{path}{parameters[name]}"
    return "*"
