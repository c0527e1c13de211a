"""Scheduled jobs: which stores they back up or drill, where they copy to, and which monitors watch them."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, LiteralString

from core.objectives import ScheduleError, longest_gap
from policies.facts.buckets import BUCKET, Buckets
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.stack import PolicyStack, Resource

MONITOR: Final = "uptimerobot:index/monitor:Monitor"
CRON_MONITOR: Final = "sentry:index/cronMonitor:CronMonitor"
NO_SCHEDULE: Final = "has no schedule of five cron fields that runs again and again"
"""Predicate of a message about a job whose schedule has no `gap_of`."""


def jobs(stack: PolicyStack) -> list[Resource]:
    """Return the jobs of a stack: components that publish `schedule`, or any list of URNs."""
    return stack.view(_JobIndex).all


def backup_jobs_of(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that back up a store."""
    return stack.view(_JobIndex).by_fact("protects", store)


def proof_jobs_of(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that restore the backups of a store and compare them."""
    return stack.view(_JobIndex).by_fact("proves", store)


def mirror_jobs_of(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that copy the backups of a store to another vault."""
    return stack.view(_JobIndex).by_fact("mirrors", store)


def jobs_by_fact(fact: str, resource: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that name a resource in a fact, such as `drills`."""
    return stack.view(_JobIndex).by_fact(fact, resource)


def drill_jobs_of(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that restore a store as a drill."""
    return stack.view(_JobIndex).by_fact("drills", store)


def jobs_copying_to(bucket: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that copy into a bucket."""
    return stack.view(_JobIndex).by_fact("copies", bucket)


def copies_of(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the buckets of this stack that a job copies into."""
    return [resource for resource in resolve_urns(job, "copies", stack) if resource.type == BUCKET]


def heartbeats_of(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the UptimeRobot heartbeats that are children of a job, or depend on it."""
    monitors = stack.view(_JobIndex).monitors_of(job, MONITOR)
    return [monitor for monitor in monitors if monitor.at("type") == Known("HEARTBEAT")]


def cron_monitors_of(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the Sentry cron monitors that are children of a job, or depend on it."""
    return stack.view(_JobIndex).monitors_of(job, CRON_MONITOR)


def jobs_of_monitor(monitor: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that a monitor is a child of, or depends on."""
    urns = stack.view(_JobIndex).urns
    return [owner for owner in [*stack.ancestors(monitor), *stack.dependencies(monitor)] if owner.urn in urns]


def gap_of(schedule: Any) -> timedelta | None:
    """Return the longest time between two runs; None if it is not a schedule that runs again and again."""
    if not isinstance(schedule, str):
        return None
    try:
        return longest_gap(schedule)
    except ScheduleError:
        return None


def resolve_urns(job: Resource, fact: str, stack: PolicyStack) -> list[Resource]:
    """
    Return the resources in a published list of URNs, or of ARNs of buckets.

    If one is unknown, also the list's dependencies.
    """
    entries = job.at(fact).each()
    resources = [
        stack.get(entry.value) or stack.view(Buckets).by_arn(entry.value)
        for entry in entries
        if isinstance(entry, Known) and isinstance(entry.value, str)
    ]
    if Unknown() in entries:
        resources += stack.dependencies(job, fact)
    return list(dict.fromkeys(resource for resource in resources if resource))


def has_unknown_urns(job: Resource, fact: str) -> bool:
    """Tell whether a list that the job publishes has entries that are unknown."""
    return Unknown() in job.at(fact).each()


def describe_missing_job(stack: PolicyStack, fact: LiteralString, problem: LiteralString) -> list[Message]:
    """Report that no job publishes a resource in `fact`; undecided while a job's list has unknown entries."""
    unknown = stack.view(_JobIndex).with_unknown_urns[fact]
    return [unknown_value(job, fact) for job in unknown] or [message(problem)]


def name_cause(problems: list[Message], store: Resource, stack: PolicyStack) -> list[Message]:
    """Return the problems, as consequences of the missing backup where no job backs the store up at all."""
    if backup_jobs_of(store, stack):
        return problems
    return [replace(problem, follows="store-has-independent-backup") for problem in problems]


class _JobIndex:
    """The jobs of a stack, by the resources that they publish, and the monitors of each job."""

    def __init__(self, stack: PolicyStack) -> None:
        facts = ("schedule", "protects", "proves", "drills", "mirrors", "copies")
        self.all: Final = list(dict.fromkeys(job for fact in facts for job in stack.publishers(fact)))
        self.urns: Final = {job.urn for job in self.all}
        self.with_unknown_urns: Final = {
            fact: [job for job in self.all if has_unknown_urns(job, fact)] for fact in facts
        }
        self._by_fact: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for job in self.all:
            for fact in facts[1:]:
                for resource in resolve_urns(job, fact, stack):
                    self._by_fact[fact, resource.urn].append(job)
        self._monitors: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for monitor in stack.of_type(MONITOR, CRON_MONITOR):
            for owner in dict.fromkeys([*stack.ancestors(monitor), *stack.dependencies(monitor)]):
                if owner.urn in self.urns:
                    self._monitors[owner.urn, monitor.type].append(monitor)

    def by_fact(self, fact: str, resource: Resource) -> list[Resource]:
        return self._by_fact.get((fact, resource.urn), [])

    def monitors_of(self, job: Resource, token: str) -> list[Resource]:
        return self._monitors.get((job.urn, token), [])
