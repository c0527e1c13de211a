"""Corrections of moto's IAM: a permissions boundary is a policy that exists, and stays while it is one."""

from importlib import import_module
from typing import Any

from moto.iam.exceptions import DeleteConflictException, NotFoundException
from moto.iam.models import IAMBackend, Role, iam_backends


class CheckedIamBackend(IAMBackend):
    """
    IAM with the checks of permissions boundaries that moto lacks.

    Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html and
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
    """

    @property
    def _url_module(self) -> Any:
        """Return moto's addresses, which moto looks for beside the class."""
        return import_module("moto.iam.urls")

    def create_role(
        self,
        role_name: str,
        assume_role_policy_document: str,
        path: str,
        permissions_boundary: str | None,
        *args: Any,
        **kwargs: Any,
    ) -> Role:
        self._check_boundary(permissions_boundary)
        return super().create_role(
            role_name, assume_role_policy_document, path, permissions_boundary, *args, **kwargs
        )

    def put_role_permissions_boundary(self, role_name: str, permissions_boundary: str) -> None:
        self._check_boundary(permissions_boundary)
        super().put_role_permissions_boundary(role_name, permissions_boundary)

    def delete_policy(self, policy_arn: str) -> None:
        bounds = any(role.permissions_boundary_arn == policy_arn for role in self.roles.values())
        if bounds or self.get_policy(policy_arn).attachment_count:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        super().delete_policy(policy_arn)

    def _check_boundary(self, arn: str | None) -> None:
        if arn and arn not in self.managed_policies:
            raise NotFoundException(f"Scope ARN: {arn} does not exist or is not attachable.")


def patch_moto_iam() -> None:
    """Replace moto's IAM with this one; call it before the first request to IAM."""
    iam_backends.backend = CheckedIamBackend
