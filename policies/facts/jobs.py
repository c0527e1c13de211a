"""Scheduled jobs: what they save or restore, where their copies are, and who notices when they don't run."""

from collections import defaultdict
from datetime import timedelta
from typing import Any, Final, LiteralString

from core.objectives import ScheduleError, longest_gap
from policies.facts.buckets import BUCKET
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.stack import PolicyStack, Resource

MONITOR: Final = "uptimerobot:index/monitor:Monitor"
CRON_MONITOR: Final = "sentry:index/cronMonitor:CronMonitor"
NO_SCHEDULE: Final = "has no schedule of five cron fields that runs again and again"
"""What is said of a job whose `gap_of` is None."""


def jobs(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about jobs: components that publish a schedule, or what they protect."""
    return stack.view(_Jobs).all


def saving(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that protect a store."""
    return stack.view(_Jobs).naming("protects", store)


def drilling(store: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that restore a store to see whether they can."""
    return stack.view(_Jobs).naming("drills", store)


def filling(bucket: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs whose copies a bucket holds."""
    return stack.view(_Jobs).naming("copies", bucket)


def copies(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the buckets of this stack that hold what a job saved."""
    return [found for found in named(job, "copies", stack) if found.type == BUCKET]


def heartbeats(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the UptimeRobot heartbeats that belong to a job: inside it, or made from it."""
    watching = stack.view(_Jobs).watching(job, MONITOR)
    return [monitor for monitor in watching if monitor.at("type") == Known("HEARTBEAT")]


def cron_monitors(job: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the Sentry cron monitors that belong to a job."""
    return stack.view(_Jobs).watching(job, CRON_MONITOR)


def watched_by(monitor: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the jobs that a monitor belongs to."""
    known = stack.view(_Jobs).urns
    return [owner for owner in [*stack.around(monitor), *stack.behind(monitor)] if owner.urn in known]


def gap_of(schedule: Any) -> timedelta | None:
    """Return the longest time between two runs; None for what is no schedule that keeps running."""
    if not isinstance(schedule, str):
        return None
    try:
        return longest_gap(schedule)
    except ScheduleError:
        return None


def named(job: Resource, fact: str, stack: PolicyStack) -> list[Resource]:
    """Return what a published list names; what stands behind it counts where a URN is not known yet."""
    entries = job.at(fact).each()
    found = [
        stack.get(entry.value)
        for entry in entries
        if isinstance(entry, Known) and isinstance(entry.value, str)
    ]
    if Unknown() in entries:
        found += stack.behind(job, fact)
    return list(dict.fromkeys(resource for resource in found if resource))


def names_unknown(job: Resource, fact: str) -> bool:
    """Tell whether a list that the job publishes has entries that are not known yet."""
    return Unknown() in job.at(fact).each()


def no_job(stack: PolicyStack, fact: LiteralString, otherwise: LiteralString) -> list[Text]:
    """Say that no job names it; or, where a job names what is not known yet, that this would decide."""
    unknown = stack.view(_Jobs).naming_unknown[fact]
    return [undecided(job, fact) for job in unknown] or [say(otherwise)]


class _Jobs:
    """The jobs of a stack, found by what they name and by what watches them."""

    def __init__(self, stack: PolicyStack) -> None:
        facts = ("schedule", "protects", "drills", "copies")
        self.all: Final = list(dict.fromkeys(job for fact in facts for job in stack.publishing(fact)))
        self.urns: Final = {job.urn for job in self.all}
        self.naming_unknown: Final = {
            fact: [job for job in self.all if names_unknown(job, fact)] for fact in facts
        }
        self._naming: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for job in self.all:
            for fact in facts[1:]:
                for resource in named(job, fact, stack):
                    self._naming[fact, resource.urn].append(job)
        self._watching: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for monitor in stack.of(MONITOR, CRON_MONITOR):
            for owner in dict.fromkeys([*stack.around(monitor), *stack.behind(monitor)]):
                if owner.urn in self.urns:
                    self._watching[owner.urn, monitor.type].append(monitor)

    def naming(self, fact: str, resource: Resource) -> list[Resource]:
        return self._naming.get((fact, resource.urn), [])

    def watching(self, job: Resource, token: str) -> list[Resource]:
        return self._watching.get((job.urn, token), [])
