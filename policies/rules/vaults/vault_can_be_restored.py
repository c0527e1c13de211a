"""A vault of production whose backups no role may list and read as a whole is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import arn_of, vaults
from policies.facts.iam_documents import ROLE, read_statements
from policies.facts.s3_access import IamIdentities, IamIdentity
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_NEEDED: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("s3:ListBucketVersions", ""),
    ("s3:GetObject", "/*"),
    ("s3:GetObjectVersion", "/*"),
)
"""What a restore asks of a vault, of the bucket itself or of all that lies in it."""

_PEOPLE_AND_JOBS: Final = ("AWS", "Federated")


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    unreadable: list[Message] = []
    for identity in stack.view(IamIdentities).all:
        if identity.resource.type != ROLE:
            continue
        trusts, problems = read_statements(identity.resource, "assumeRolePolicy")
        unreadable += [*identity.unreadable, *problems]
        may_be_taken_on = any(
            one.allows and any(kind in _PEOPLE_AND_JOBS for kind, _ in one.principals) for one in trusts
        )
        # Who is kept from what a role's own policies allow is refused by vault-is-usable.
        if may_be_taken_on and _may_read_all(identity, arn_of(vault)):
            return
    yield from unreadable or (message("no role of this stack may list and read all that lies in it"),)


def _may_read_all(identity: IamIdentity, arn: str) -> bool:
    return all(
        any(one.covers_resource(arn + key) for one in identity.statements_allowing(action, arn))
        for action, key in _NEEDED
    )


def _find_vaults(stack: PolicyStack) -> list[Resource]:
    # Elsewhere whoever restores may be a person whom no program declares.
    return vaults(stack) if find_production(stack) else []


RULE: Final = Rule(
    id="vault-can-be-restored",
    title="Each vault of production has a role that may read every version in it",
    violated="can be read by nobody who restores",
    severity=Severity.CRITICAL,
    risk="On the day of a restore somebody has to change IAM first, with an account that may be the loss.",
    fix=(
        "Declare a role for restores, trusted by one workload or by people with a second factor, and allow "
        "it s3:ListBucketVersions in the bucket, s3:GetObject and s3:GetObjectVersion in all of it."
    ),
    controls=(Control.NIST_CP_10, Control.SOC_A1_2, Control.ISO_A_8_13),
    subjects=_find_vaults,
    judge=_judge,
)
