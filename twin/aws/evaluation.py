"""
Whether a principal has a permission, by all policies that concern the two.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from moto.kms.models import Key
from moto.s3.models import FakeBucket, s3_backends

from twin.aws.alarm_actions import find_topic
from twin.aws.identities import find_boundary, is_administrator, list_policies
from twin.aws.kms_actions import find_key
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate
from twin.aws.secrets import find_secret

_OWN_POLICY: Final = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
"""What an administrator may do even if the bucket's policy denies it (S3, PutBucketPolicy)."""


@dataclass(frozen=True)
class ResourceDecision:
    """What the policy of the bucket, key, secret or role decides that a permission is about."""

    decision: Decision = Decision.NEUTRAL
    owner: str = ""
    """The account of the resource; empty if there is no such resource, or it has no policy of its own."""

    must_allow: bool = False
    """The policies of principals allow nothing without this one: so it is with KMS keys and roles."""


def find_denial(
    principal: Principal, permission: RequiredPermission, resource: ResourceDecision | None = None
) -> str:
    """
    Return why a principal lacks the permission; empty if the principal has it.

    `resource` is given where the resource's policy can't be found by the permission.
    """
    permission = permission.with_context(principal.context)
    resource = resource or _evaluate_resource_policy(permission, principal)
    identity, boundary = _evaluate_policies(permission, principal)
    owns = resource.owner in {"", principal.account}
    if is_administrator(principal) and owns and permission.action in _OWN_POLICY:
        return ""
    for decision, kind in (
        (resource.decision, "a resource-based policy"),
        (identity, "an identity-based policy"),
        (boundary, "a permissions boundary"),
    ):
        if decision is Decision.DENIED:
            return _denial_message(principal, permission, f"with an explicit deny in {kind}")
    if _is_allowed(resource, identity, boundary, owns=not principal.kind or owns):
        return ""
    kind = "permissions boundary" if boundary is Decision.NEUTRAL else "identity-based policy"
    if identity.allows and boundary.allows:
        kind = "resource-based policy"
    return _denial_message(principal, permission, f"because no {kind} allows the {permission.action} action")


def find_missing_permission(role: str, permissions: Iterable[RequiredPermission]) -> str:
    """Return why a service that acts as a role lacks one of the permissions; empty if it has all of them."""
    principal = Principal("AWS", role, role.split(":")[4], role)
    return next(filter(None, (find_denial(principal, permission) for permission in permissions)), "")


def find_bucket(name: str) -> FakeBucket | None:
    """Return the bucket with a name, in any account; None if there is none."""
    partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def _is_allowed(resource: ResourceDecision, identity: Decision, boundary: Decision, *, owns: bool) -> bool:
    """
    Combine decisions, none of which denies.

    `owns`: the resource is in the principal's account, or the request is anonymous.
    """
    if owns and resource.decision is Decision.ALLOWED_DIRECTLY:
        return True
    if not boundary.allows:
        return False
    if owns and resource.decision is Decision.ALLOWED:
        return True
    needs_both = resource.must_allow or not owns
    return identity.allows and not (needs_both and resource.decision is Decision.NEUTRAL)


def _evaluate_policies(permission: RequiredPermission, principal: Principal) -> tuple[Decision, Decision]:
    """
    Return the decisions of the principal's policies and of its permissions boundary.

    An administrator is an account's root user, which has no policies and may do everything in its account.
    """
    if is_administrator(principal):
        return Decision.ALLOWED, Decision.ALLOWED
    identity = max(
        (evaluate(document, permission, principal) for document in list_policies(principal)),
        default=Decision.NEUTRAL,
    )
    document = find_boundary(principal)
    return identity, evaluate(document, permission, principal) if document else Decision.ALLOWED


def _evaluate_resource_policy(permission: RequiredPermission, principal: Principal) -> ResourceDecision:
    if permission.resource.startswith("arn:aws:s3:::"):
        bucket = find_bucket(permission.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
        # A bucket that is to be made has no policy, even if somebody has a bucket of that name.
        if bucket is None or permission.action == "s3:CreateBucket":
            return ResourceDecision()
        policy = bucket.policy
        decision = evaluate(policy.decode(), permission, principal) if policy else Decision.NEUTRAL
        return ResourceDecision(decision, bucket.account_id)
    if ":key/" in permission.resource and (key := find_key(permission.resource, "", "")):
        decision = max(
            evaluate_key_policy(key.policy, key.arn, permission, principal),
            _evaluate_grants(key, permission, principal),
        )
        return ResourceDecision(decision, key.account_id, must_allow=True)
    if ":secret:" in permission.resource and (secret := find_secret(permission.resource, "", "")):
        policy = secret.policy
        decision = evaluate(policy, permission, principal) if policy else Decision.NEUTRAL
        return ResourceDecision(decision, secret.account_id)
    if topic := find_topic(permission.resource):
        return ResourceDecision(evaluate(topic.policy, permission, principal), topic.account_id)
    return ResourceDecision()


def evaluate_key_policy(
    document: str, arn: str, permission: RequiredPermission, principal: Principal
) -> Decision:
    """Return a key policy's decision: it applies to its own key, whatever its statements name as resource."""
    return evaluate(document, RequiredPermission(permission.action, arn, permission.context), principal)


def _evaluate_grants(key: Key, permission: RequiredPermission, principal: Principal) -> Decision:
    """
    Return the decision of a key's grants; one with constraints allows nothing on the twin.

    A grant needs no policy beside it, and no document says that a boundary limits it.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    """
    operation = permission.action.removeprefix("kms:")
    allowed = any(
        grant.grantee_principal in {principal.arn, principal.session} - {""}
        and operation in grant.operations
        and not grant.constraints
        for grant in key.grants.values()
    )
    return Decision.ALLOWED_DIRECTLY if allowed else Decision.NEUTRAL


def _denial_message(principal: Principal, permission: RequiredPermission, reason: str) -> str:
    user = principal.session or principal.arn or "anonymous"
    action, resource = permission.action, permission.resource
    return f'User: {user} is not authorized to perform: {action} on resource: "{resource}" {reason}'
