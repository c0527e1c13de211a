"""A KMS key without a declared policy, or that anyone may use, is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.guards import find_exempt, find_guard
from policies.facts.iam_documents import read_statements
from policies.facts.kms_keys import KEY, REPLICA_KEY, KmsKeys
from policies.facts.s3_access import is_open
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_CHECK: Final = "bypassPolicyLockoutSafetyCheck"


def _judge(key: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    policies = stack.view(KmsKeys).policies_of(key)
    inline = [key] if not policies or not isinstance(key.at("policy"), Absent) else []
    for holder in [*inline, *policies]:
        statements, unreadable = read_statements(holder)
        yield from unreadable
        if any(is_open(statement) for statement in statements):
            yield message("{holder} lets anyone use it", holder=holder)
        administrable = any(
            statement.allows and statement.covers("kms:PutKeyPolicy") for statement in statements
        )
        if not unreadable and not administrable:
            yield message("{holder} leaves nobody who could change it", holder=holder)
        match holder.at(_CHECK):
            case Absent() | Known(value=False):
                pass
            case Known():
                # A policy that leaves its changing to a role for emergencies would not pass the check, as it
                # shuts out whoever makes the key. The role must be there to pass instead.
                exempt = find_exempt(statements, "kms:PutKeyPolicy")
                if not exempt or not any(find_guard(arn, stack) for arn in exempt):
                    yield message("{holder} skips the check that somebody can still change it", holder=holder)
            case _:
                yield unknown_value(holder, _CHECK)


RULE: Final = Rule(
    id="key-is-governed",
    title="Every KMS key declares who may use it, and that isn't anyone",
    violated="is not governed",
    severity=Severity.HIGH,
    risk="Whoever gets at an encrypted backup, in whatever account, can ask for its key as well.",
    fix="Declare the key's policy: the account administers it, and each other principal is named.",
    controls=(Control.NIST_SC_12, Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_8_24),
    subjects=of_type(KEY, REPLICA_KEY),
    judge=_judge,
)
