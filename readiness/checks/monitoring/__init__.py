"""Whether somebody is told, and finds the lines of the log."""

from readiness.check import ReadinessCheck
from readiness.checks.monitoring import (
    answers_have_an_id,
    jobs_check_in,
    lapsed_heartbeat_pages,
    monitors_are_up,
    no_alert_is_open,
    quotas_are_left,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    monitors_are_up.CHECK,
    jobs_check_in.CHECK,
    lapsed_heartbeat_pages.CHECK,
    no_alert_is_open.CHECK,
    quotas_are_left.CHECK,
    answers_have_an_id.CHECK,
)
