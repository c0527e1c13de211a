"""A monitor that watches no endpoint and no job of the platform is refused."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.facts.jobs import CRON_MONITOR, MONITOR, jobs, jobs_of_monitor
from policies.facts.sentry import UPTIME_MONITOR
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _subjects(stack: PolicyStack) -> list[Resource]:
    """Return the heartbeats if the stack publishes jobs, and other monitors if it publishes endpoints."""
    has_jobs, has_endpoints = bool(jobs(stack)), bool(stack.publishers("endpoints"))
    return [
        monitor
        for monitor in stack.of_type(MONITOR, CRON_MONITOR, UPTIME_MONITOR)
        if (has_jobs if _is_heartbeat(monitor) else has_endpoints)
    ]


def _is_heartbeat(monitor: Resource) -> bool:
    return monitor.type == CRON_MONITOR or monitor.at("type") == Known("HEARTBEAT")


def _judge(monitor: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if monitor.type == MONITOR:
        yield from expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
    yield from _check_target(monitor, stack)


def _check_target(monitor: Resource, stack: PolicyStack) -> Iterable[Message]:
    if _is_heartbeat(monitor):
        return [] if jobs_of_monitor(monitor, stack) else [message("it belongs to no job")]
    host = _host_of(monitor.at("url"))
    hosts = stack.view(_find_hosts)
    if host and host in hosts:
        return []
    if isinstance(monitor.at("url"), Unknown):
        return [unknown_value(monitor, "url")]
    unknown = [
        unknown_value(publisher, "endpoints")
        for publisher in stack.publishers("endpoints")
        if any(isinstance(entry.at("url"), Unknown) for entry in publisher.at("endpoints").each())
    ]
    return unknown or [message("no component publishes an endpoint on the host that it looks at")]


def _find_hosts(stack: PolicyStack) -> set[str]:
    """Return the hosts of all published endpoints."""
    publishers = stack.publishers("endpoints")
    endpoints = [entry.at("url") for publisher in publishers for entry in publisher.at("endpoints").each()]
    return {host for host in map(_host_of, endpoints) if host}


def _host_of(value: PropertyValue) -> str | None:
    """Return the host of a URL, in lower case. Port and ping monitors have a host in place of a URL."""
    if not isinstance(value, Known) or not isinstance(value.value, str):
        return None
    url = value.value
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
