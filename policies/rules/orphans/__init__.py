"""Rules about what is declared and serves nothing."""

from policies.framework.rule import Rule
from policies.rules.orphans import (
    alert_listens_to_something,
    contact_is_told,
    job_protects_something,
    metric_alarm_tells_somebody,
    monitor_watches_something,
    vault_is_filled,
)

RULES: tuple[Rule, ...] = (
    job_protects_something.RULE,
    vault_is_filled.RULE,
    monitor_watches_something.RULE,
    alert_listens_to_something.RULE,
    contact_is_told.RULE,
    metric_alarm_tells_somebody.RULE,
)
