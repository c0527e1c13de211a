"""A vault that no job and no replication fills is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import Buckets, vaults
from policies.facts.jobs import describe_missing_job, jobs, jobs_copying_to
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_FACT: Final = "jobsDeclaredIn"
"""Published around vaults whose jobs another program declares: with that one they are judged."""


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if jobs_copying_to(vault, stack) or vault in stack.view(_find_replicas):
        return []
    if not jobs(stack) and any(isinstance(one.at(_FACT), Known) for one in stack.ancestors(vault)):
        return []
    return describe_missing_job(
        stack, "copies", "no job copies into it, and no other vault is replicated into it"
    )


def _find_replicas(stack: PolicyStack) -> set[Resource]:
    return {target for _, _, target in stack.view(Buckets).replications}


RULE: Final = Rule(
    id="vault-is-filled",
    title="Every vault is filled by a job or by replication",
    violated="is a vault that nothing fills",
    severity=Severity.HIGH,
    risk="It looks like a backup on every list, and it is empty.",
    fix="Name the vault in the copies of a job, replicate into it, or remove it.",
    controls=(Control.NIST_CM_8, Control.NIST_CP_9, Control.ISO_A_8_13, Control.CIS_11_4),
    subjects=vaults,
    judge=_judge,
)
