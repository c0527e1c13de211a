"""Rules about public endpoints, jobs, and the monitors of both."""

from policies.framework.rule import Rule
from policies.rules.endpoints import (
    endpoint_has_monitor,
    endpoint_has_second_prober,
    endpoint_is_published,
    endpoint_monitor_checks_certificate,
    endpoint_monitor_checks_content,
    endpoint_monitor_is_fast,
    endpoint_monitor_looks_from_several_regions,
    heartbeat_matches_its_job,
    job_has_heartbeat,
    maintenance_window_is_short,
    monitor_reaches_someone,
    monitor_route_is_independent,
    readiness_is_recent,
)

RULES: tuple[Rule, ...] = (
    endpoint_is_published.RULE,
    endpoint_has_monitor.RULE,
    endpoint_monitor_is_fast.RULE,
    endpoint_monitor_checks_content.RULE,
    endpoint_monitor_checks_certificate.RULE,
    endpoint_monitor_looks_from_several_regions.RULE,
    monitor_reaches_someone.RULE,
    monitor_route_is_independent.RULE,
    endpoint_has_second_prober.RULE,
    job_has_heartbeat.RULE,
    heartbeat_matches_its_job.RULE,
    maintenance_window_is_short.RULE,
    readiness_is_recent.RULE,
)
