"""A monitor that looks at nothing of the platform is refused."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.facts.jobs import CRON_MONITOR, MONITOR, jobs, watched_by
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Reading, Unknown
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource

_SECOND_LOOK: Final = "sentry:index/uptimeMonitor:UptimeMonitor"


def _subjects(stack: PolicyStack) -> list[Resource]:
    """Return the monitors; a stack that publishes nothing that they could watch tells nothing of them."""
    watched_jobs, endpoints = bool(jobs(stack)), bool(stack.publishing("endpoints"))
    return [
        monitor
        for monitor in stack.of(MONITOR, CRON_MONITOR, _SECOND_LOOK)
        if (watched_jobs if _is_heartbeat(monitor) else endpoints)
    ]


def _is_heartbeat(monitor: Resource) -> bool:
    return monitor.type == CRON_MONITOR or monitor.at("type") == Known("HEARTBEAT")


def _judge(monitor: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    if monitor.type == MONITOR:
        yield from expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
    yield from _lost(monitor, stack)


def _lost(monitor: Resource, stack: PolicyStack) -> Iterable[Text]:
    if _is_heartbeat(monitor):
        return [] if watched_by(monitor, stack) else [say("it belongs to no job")]
    host = _host(monitor.at("url"))
    hosts = stack.view(_hosts)
    if host and host in hosts:
        return []
    if isinstance(monitor.at("url"), Unknown):
        return [undecided(monitor, "url")]
    unknown = [
        undecided(publisher, "endpoints")
        for publisher in stack.publishing("endpoints")
        if any(isinstance(entry.at("url"), Unknown) for entry in publisher.at("endpoints").each())
    ]
    return unknown or [say("no component publishes an endpoint on the host that it looks at")]


def _hosts(stack: PolicyStack) -> set[str]:
    """Return the hosts of all published endpoints."""
    publishers = stack.publishing("endpoints")
    endpoints = [entry.at("url") for publisher in publishers for entry in publisher.at("endpoints").each()]
    return {host for host in map(_host, endpoints) if host}


def _host(reading: Reading) -> str | None:
    """Return the host of an address, in lower case; monitors of ports and pings name a host alone."""
    if not isinstance(reading, Known) or not isinstance(reading.value, str):
        return None
    url = reading.value
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None


RULE: Final = Rule(
    id="monitor-watches-something",
    title="Every monitor is on, and watches an endpoint or a job of the platform",
    violated="watches nothing of the platform",
    severity=Severity.MEDIUM,
    risk="It stays green, or red, whatever happens to the platform, and people learn not to look.",
    fix=(
        "Declare isPaused false, point the monitor at a published endpoint, make the heartbeat a child of "
        "its job, or remove it; what is worth watching is worth publishing."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_CM_8, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=_subjects,
    judge=_judge,
)
