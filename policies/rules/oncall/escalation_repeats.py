"""An escalation policy of the first level that stops after its last level is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.facts.oncall import list_urgent_policies
from policies.framework.controls import Control
from policies.framework.rule import Rule, expect, in_range

_MOST: Final = 9
"""What PagerDuty allows."""

RULE: Final = Rule(
    id="escalation-repeats",
    title="Every escalation policy of SEV1 begins anew when nobody has answered",
    violated="gives up",
    severity=Severity.HIGH,
    risk="After the last level nobody is called any more, and the outage goes on.",
    fix="Set numLoops to 1 or more.",
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.ISO_A_5_26),
    subjects=list_urgent_policies,
    judge=lambda policy, _stack, _limits: expect(policy, "numLoops", in_range(1, _MOST), "must repeat"),
)
