"""What an auditor tried is refused by name."""

import pytest
from audit import ATTEMPTS, AuditedWeakening
from policy_harness import find_violations, production

from policies.framework.inputs_stay_managed import RULE as INPUTS_STAY_MANAGED
from policies.properties import PROPERTIES
from policies.rules import RULES


@pytest.mark.parametrize("one", ATTEMPTS, ids=lambda one: one.does)
def test_an_attempt_is_refused_by_its_rule(one: AuditedWeakening) -> None:
    # What an ignored input is judged by, all rules together have read.
    rules = RULES if one.rule == INPUTS_STAY_MANAGED.id else [rule for rule in RULES if rule.id == one.rule]
    found = find_violations(one.edit(production()), rules)
    assert one.rule in {violation.rule for violation in found if violation.level == 1}


def test_every_property_was_tried_in_several_ways() -> None:
    for protection in PROPERTIES:
        assert len([one for one in ATTEMPTS if one.property == protection.name]) >= 3
    assert len({one.does for one in ATTEMPTS}) == len(ATTEMPTS)
