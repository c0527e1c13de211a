"""An identity that writes backups and the keys that verify their attestations is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from core import vault_layout
from policies.facts.buckets import arn_of, vaults
from policies.facts.s3_access import PUT, IamIdentities, identities
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    identity = stack.view(IamIdentities).by_resource[resource]
    yield from identity.unreadable
    stack_vaults = vaults(stack)
    if not any(identity.adds_backups(PUT, arn_of(vault)) for vault in stack_vaults):
        return
    for vault in stack_vaults:
        keys = f"{arn_of(vault)}/{vault_layout.ISSUER_KEYS}".rstrip("/")
        if identity.statements_allowing(PUT, keys):
            yield message("it adds to a vault and may also write the keys in {vault}", vault=vault)


RULE: Final = Rule(
    id="writer-cannot-record-keys",
    title="Nobody who adds backups to a vault may write the keys that attestations are verified with",
    violated="can vouch for its own backups",
    severity=Severity.HIGH,
    risk=(
        "Whoever gets hold of the credentials that write backups records a key of their own, and signs a "
        "planted backup with it, which every restore then prefers."
    ),
    fix=(
        f"Allow s3:PutObject below {vault_layout.ISSUER_KEYS} to the role that deploys alone, and to the "
        "writer only the prefixes of backups, manifests and evidence."
    ),
    controls=(Control.NIST_AC_6, Control.NIST_CP_9_8, Control.SOC_CC6_3),
    subjects=identities,
    judge=_judge,
)
