"""A vault without versioning is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import VERSIONING, Buckets, vaults
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    parts = stack.view(Buckets).parts_or_inline(vault, VERSIONING, "versioning")
    if not parts:
        yield message("it has no versioning")
    for part in parts:
        if part == vault:
            yield from expect(vault, "versioning.enabled", one_of(True), "must declare versioning enabled")
        else:
            path = "versioningConfiguration.status"
            yield from expect(part, path, one_of("Enabled"), "must declare the status Enabled")


RULE: Final = Rule(
    id="vault-is-versioned",
    title="Every bucket that holds backups keeps each version of what lies in it",
    violated="is not versioned",
    severity=Severity.CRITICAL,
    risk="Whatever is written or deleted under a backup's name takes the backup with it.",
    fix="Declare a BucketVersioning with the status Enabled on the bucket.",
    controls=(Control.NIST_CP_9, Control.ISO_A_8_13, Control.CIS_11_3),
    subjects=vaults,
    judge=_judge,
)
