"""Rules about Sentry: error tracking, rate limits, ownership, monitors and alerts."""

from policies.framework.rule import Rule
from policies.rules.errors import (
    alert_reaches_someone,
    cron_monitor_matches_its_job,
    error_key_has_rate_limit,
    error_project_drops_nothing,
    error_project_has_alerts,
    error_project_has_key,
    error_project_has_owner,
    error_project_has_spike_protection,
    error_project_is_measured,
    job_has_cron_monitor,
    sentry_monitor_has_alert,
    service_has_error_project,
    service_receives_its_dsn,
)

RULES: tuple[Rule, ...] = (
    service_has_error_project.RULE,
    service_receives_its_dsn.RULE,
    error_project_has_alerts.RULE,
    error_project_drops_nothing.RULE,
    error_project_has_key.RULE,
    error_key_has_rate_limit.RULE,
    error_project_has_spike_protection.RULE,
    error_project_is_measured.RULE,
    error_project_has_owner.RULE,
    alert_reaches_someone.RULE,
    sentry_monitor_has_alert.RULE,
    job_has_cron_monitor.RULE,
    cron_monitor_matches_its_job.RULE,
)
