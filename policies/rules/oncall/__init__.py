"""Rules about PagerDuty: whom an alert calls, and whom next."""

from policies.framework.rule import Rule
from policies.rules.oncall import (
    alert_follows_its_route,
    escalation_always_calls_somebody,
    escalation_is_fast,
    escalation_reaches_second_person,
    escalation_repeats,
    page_lasts_until_resolved,
)

RULES: tuple[Rule, ...] = (
    escalation_reaches_second_person.RULE,
    escalation_always_calls_somebody.RULE,
    escalation_is_fast.RULE,
    escalation_repeats.RULE,
    page_lasts_until_resolved.RULE,
    alert_follows_its_route.RULE,
)
