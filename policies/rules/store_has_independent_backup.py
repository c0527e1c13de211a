"""A data store without a backup elsewhere is refused."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pulumi_policy import Severity

from objectives import ScheduleError, longest_gap
from policies.buckets import Buckets
from policies.reading import Known, Unknown
from policies.resources import Resource, Stack
from policies.rule import Control, Finding, Framework, Rule, best, expect, one_of, undecided
from policies.stores import FailureDomain, holds_data
from policies.wording import Text, listed, say

_MONITOR: Final = "uptimerobot:index/monitor:Monitor"
_CRON_MONITOR: Final = "sentry:index/cronMonitor:CronMonitor"


def _find(stack: Stack) -> Iterator[Finding]:
    jobs, buckets = stack.publishing("protects"), Buckets(stack)
    for store in filter(holds_data, stack.resources):
        if store in buckets.access_logs:
            continue
        saving = [job for job in jobs if _protects(job, store, stack)]
        attempts = [_shortcomings(job, store, stack) for job in saving] + buckets.replications.get(store, [])
        if reasons := best(attempts, [say("no scheduled job protects it"), *_unknown_targets(jobs)]):
            text = "{store} has no independent backup: {reasons}"
            yield Finding(store, say(text, store=store, reasons=listed(reasons)))


def _protects(job: Resource, store: Resource, stack: Stack) -> bool:
    return Known(store.urn) in job.at("protects").each() or store in stack.behind(job, "protects")


def _unknown_targets(jobs: list[Resource]) -> list[Text]:
    return [undecided(job, "protects") for job in jobs if Unknown() in job.at("protects").each()]


def _shortcomings(job: Resource, store: Resource, stack: Stack) -> list[Text]:
    return [
        *expect(job, "schedule", _is_schedule, "has no schedule in cron's five fields"),
        *expect(job, "retentionDays", _is_positive, "keeps its copies for no time"),
        *_lack_of_distance(job, store, stack),
        *_lack_of_heartbeat(job, stack),
    ]


def _is_schedule(value: Any) -> bool:
    return isinstance(value, str) and _runs(value)


@cache
def _runs(schedule: str) -> bool:
    try:
        return bool(longest_gap(schedule))
    except ScheduleError:
        return False


def _is_positive(days: Any) -> bool:
    return isinstance(days, int | float) and days > 0


def _lack_of_distance(job: Resource, store: Resource, stack: Stack) -> list[Text]:
    home = FailureDomain.of(store, stack)
    apart = [FailureDomain.published(copy).is_apart_from(home) for copy in job.at("copies").each()]
    if any(apart):
        return []
    if None in apart:
        return [undecided(job, "copies"), undecided(store, "failure domain")]
    return [say("{job} makes no copy in another provider, account or region than the store's", job=job)]


def _lack_of_heartbeat(job: Resource, stack: Stack) -> list[Text]:
    def belongs(monitor: Resource) -> bool:
        return job in stack.around(monitor) or job in stack.behind(monitor)

    heartbeats = [
        expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
        for monitor in stack.of(_MONITOR)
        if belongs(monitor) and monitor.at("type") == Known("HEARTBEAT")
    ]
    crons = [
        expect(monitor, "enabled", one_of(True), "must declare enabled true")
        for monitor in stack.of(_CRON_MONITOR)
        if belongs(monitor)
    ]
    return best([*heartbeats, *crons], [say("{job} has no heartbeat that notices a missed run", job=job)])


RULE: Final = Rule(
    id="store-has-independent-backup",
    title="Every data store has a scheduled backup with another provider, or in another account or region",
    severity=Severity.CRITICAL,
    risk="The store's history goes down with it: a deleted project, closed account or lost region takes all.",
    fix=(
        "Declare a ScheduledJob that protects the store, with a schedule, a retention, a copy elsewhere and "
        "a heartbeat; replicate a bucket that holds backups into another region."
    ),
    controls=(
        Control(Framework.NIST_800_53, "CP-6(1)"),
        Control(Framework.NIST_800_53, "CP-9(a)"),
        Control(Framework.SOC_2, "A1.2"),
        Control(Framework.ISO_27001, "A.8.13"),
        Control(Framework.CIS_CONTROLS, "11.4"),
    ),
    find=_find,
)
