"""A vault that keeps out a role whose own policy lets it write or read there is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.facts.role_rights import find_rights
from policies.facts.s3_access import PUT, IamIdentities, IamIdentity, pattern_reaches
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_OF_BUCKET: Final[tuple[LiteralString, ...]] = ("s3:ListBucket", "s3:ListBucketVersions")
_USES: Final[tuple[LiteralString, ...]] = (
    PUT,
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectRetention",
    *_OF_BUCKET,
)


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    policies = stack.view(Buckets).parts_or_inline(vault, POLICY, "policy")
    if unreadable := [problem for policy in policies for problem in read_statements(policy)[1]]:
        yield from unreadable
        return
    for identity, actions in stack.view(_find_users):
        rights = stack.view(find_rights, identity.resource)
        for action in actions:
            asked = _find_asked(identity, action, arn_of(vault))
            if any(rights.is_kept_from(vault, action, arn) for arn in asked):
                yield message("{who} is kept from " + action, who=identity.resource)


def _find_users(stack: PolicyStack) -> list[tuple[IamIdentity, list[LiteralString]]]:
    """Return the roles of a known account whose policies can be read, and what each may do in any bucket."""
    users: list[tuple[IamIdentity, list[LiteralString]]] = []
    for identity in stack.view(IamIdentities).all:
        actions: list[LiteralString] = [action for action in _USES if identity.allows_anywhere(action)]
        is_user = identity.resource.type == ROLE and identity.account and actions
        if is_user and not stack.view(find_rights, identity.resource).unreadable:
            users.append((identity, actions))
    return users


def _find_asked(identity: IamIdentity, action: str, arn: str) -> list[str]:
    """Return the ARNs for which the role's own statements allow an action in a bucket."""
    allowing = identity.statements_allowing(action, arn)
    if action in _OF_BUCKET:
        return [arn] if any(one.covers_resource(arn) for one in allowing) else []
    return list(dict.fromkeys(asked for one in allowing for asked in _find_objects(one, arn)))


def _find_objects(statement: Statement, arn: str) -> Iterator[str]:
    for pattern in statement.resources or ("*",):
        if pattern != arn and pattern_reaches(pattern, arn):
            yield pattern if pattern.startswith(f"{arn}/") else f"{arn}/*"


RULE: Final = Rule(
    id="vault-is-usable",
    title="No policy or boundary keeps out whoever is to write or read in a bucket that holds backups",
    violated="keeps out who is to use it",
    severity=Severity.CRITICAL,
    risk="No backup can be written any more, or one that is there can't be read when it is needed.",
    fix=(
        "Let the bucket's policy deny s3:PutObject, s3:GetObject and listing to nobody whose own policy "
        "allows it, let the role's boundary allow it, and take from a role's policy what it is not to do."
    ),
    controls=(Control.NIST_CP_9, Control.NIST_CP_10, Control.SOC_A1_2, Control.ISO_A_8_13),
    subjects=vaults,
    judge=_judge,
)
