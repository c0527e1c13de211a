"""Whoever writes into a vault or looks after its settings, and may read backups as well, is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from core import vault_layout
from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.iam_documents import Statement, matches, read_statements
from policies.facts.s3_access import (
    PUT,
    IamIdentities,
    IamIdentity,
    applies_to,
    identities,
    is_open,
    pattern_reaches,
)
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_READS: Final[tuple[LiteralString, ...]] = ("s3:GetObject", "s3:GetObjectVersion")
_LOOKS_AFTER: Final = "s3:GetBucketPolicy"
"""Who plans and who changes a vault asks for its settings; a restore does not."""

_MANIFESTS: Final = tuple(f"{prefix}*/{vault_layout.MANIFEST}" for prefix in vault_layout.BACKUPS)
_RECORDS: Final = (
    *_MANIFESTS,
    *map(vault_layout.attestation, _MANIFESTS),
    f"{vault_layout.MANIFESTS}*",
    f"{vault_layout.EVIDENCE}*",
    f"{vault_layout.ISSUER_KEYS}*",
)
"""Patterns of the keys that tell of backups and hold none."""


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    identity = stack.view(IamIdentities).by_resource[resource]
    yield from identity.unreadable
    if not any(_writes_or_looks_after(identity, arn_of(vault)) for vault in vaults(stack)):
        return
    for vault in vaults(stack):
        for action in _READS:
            if any(_reads_backups(one, arn_of(vault)) for one in _allowing(identity, action, vault, stack)):
                yield message("it may do " + action + " on what lies in {vault}", vault=vault)


def _writes_or_looks_after(identity: IamIdentity, arn: str) -> bool:
    return bool(identity.statements_allowing(PUT, arn)) or any(
        one.allows and one.covers(_LOOKS_AFTER, arn) for one in identity.statements
    )


def _allowing(identity: IamIdentity, action: str, vault: Resource, stack: PolicyStack) -> Iterator[Statement]:
    """Yield what allows an action in a vault: the identity's own statements, and the vault's that name it."""
    yield from identity.statements_allowing(action, arn_of(vault))
    for policy in stack.view(Buckets).parts_or_inline(vault, POLICY, "policy"):
        for statement in read_statements(policy)[0]:
            allows = statement.allows and statement.covers_action(action)
            # What is open to anyone is refused by a rule of its own.
            if allows and not is_open(statement) and applies_to(statement, identity):
                yield statement


def _reads_backups(statement: Statement, arn: str) -> bool:
    """Tell whether what it allows in a bucket is more than records; each pattern must lie within one."""
    return bool(statement.not_resources) or any(
        pattern != arn
        and pattern_reaches(pattern, arn)
        and not any(matches(f"{arn}/{record}", pattern) for record in _RECORDS)
        for pattern in statement.resources or ("*",)
    )


def _find_identities(stack: PolicyStack) -> list[Resource]:
    # Elsewhere one role may do both: restic and pg_dump read what they wrote.
    return identities(stack) if find_production(stack) else []


RULE: Final = Rule(
    id="writer-cannot-read",
    title="Nobody who adds backups, or looks after the bucket that holds them, may read one",
    violated="can read backups",
    severity=Severity.HIGH,
    risk="Whoever steals the credentials of a nightly job, a deploy or a plan takes every dump and file out.",
    fix=(
        "Let it read manifests, their attestations, evidence and the issuer's keys alone, by prefixes; leave "
        "backups to roles that restore, drill and copy, and do nothing else."
    ),
    controls=(Control.NIST_AC_6, Control.NIST_AC_3, Control.SOC_CC6_3, Control.ISO_A_8_3),
    subjects=_find_identities,
    judge=_judge,
)
