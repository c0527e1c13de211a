"""A job that backs up, proves or drills no store of the stack is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import has_unknown_urns, jobs, resolve_urns
from policies.facts.stores import Stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_FACTS: Final = ("protects", "proves", "drills", "mirrors")


def _subjects(stack: PolicyStack) -> list[Resource]:
    # A component that only publishes a schedule does other work.
    facts = (*_FACTS, "copies")
    return [job for job in jobs(stack) if any(not isinstance(job.at(fact), Absent) for fact in facts)]


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    stores = {store.urn for store in stack.view(Stores).all}
    resources = [resource for fact in _FACTS for resource in resolve_urns(job, fact, stack)]
    foreign = [
        entry
        for fact in _FACTS
        for entry in job.at(fact).each()
        if isinstance(entry, Known) and not (isinstance(entry.value, str) and entry.value in stores)
    ]
    if foreign:
        yield message("an entry of its protects, proves, drills or mirrors is no data store of this stack")
    for store in resources:
        # Of the product's stores Neon's alone can be closed; a runner in its private network reaches it.
        if store.at("blockPublicConnections") == Known(value=True):
            yield message("{store} takes no connection from where jobs run", store=store)
    if not any(resource.urn in stores for resource in resources):
        unknown = [unknown_value(job, fact) for fact in _FACTS if has_unknown_urns(job, fact)]
        yield from unknown or [
            message("its protects, proves, drills and mirrors name no data store of this stack")
        ]


RULE: Final = Rule(
    id="job-protects-something",
    title="Every job of backups, proofs and drills names data stores that exist in the stack",
    violated="protects nothing, or what is not there",
    severity=Severity.HIGH,
    risk="A heartbeat reports a backup every day, and it is not one of the data that is in use.",
    fix="Let protects, proves, drills and mirrors name URNs of stores that this stack makes or publishes.",
    controls=(Control.NIST_CM_8, Control.NIST_CP_9, Control.ISO_A_5_9, Control.CIS_1_1),
    subjects=_subjects,
    judge=_judge,
)
