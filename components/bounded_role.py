"""A role whose list of policies the stack owns: one that somebody adds is drift."""

from collections.abc import Sequence

import pulumi
from pulumi_aws import iam


def declare_role(
    name: str,
    *,
    role_name: str,
    does: str,
    trust: str,
    policy_name: str,
    policy: str,
    max_session_seconds: int,
    boundary: iam.Policy | None = None,
    boundary_arn: str | None = None,
    parent: pulumi.Resource,
    depends_on: Sequence[pulumi.Resource] = (),
) -> tuple[iam.Role, iam.RolePolicy]:
    """
    Declare a role and its only policy; return both.

    `boundary_arn` is that of `boundary`, written out so that it is known before the boundary exists.
    """
    child = pulumi.ResourceOptions(parent=parent)
    role = iam.Role(
        name,
        name=role_name,
        description=does,
        max_session_duration=max_session_seconds,
        assume_role_policy=trust,
        permissions_boundary=boundary_arn,
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=[*depends_on, *([boundary] if boundary else [])]
        ),
    )
    only_policy = iam.RolePolicy(
        f"{name}-policy", name=policy_name, role=role.name, policy=policy, opts=child
    )
    after = pulumi.ResourceOptions(parent=parent, depends_on=[only_policy])
    iam.RolePoliciesExclusive(f"{name}-policies", role_name=role.name, policy_names=[policy_name], opts=after)
    iam.RolePolicyAttachmentsExclusive(f"{name}-attachments", role_name=role.name, policy_arns=[], opts=after)
    return role, only_policy
