"""A monitor that notifies no contact is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import check_reach
from policies.facts.jobs import MONITOR
from policies.framework.controls import Control
from policies.framework.rule import Rule, of_type

RULE: Final = Rule(
    id="monitor-reaches-someone",
    title="Every UptimeRobot monitor and heartbeat tells a contact that listens",
    violated="tells nobody",
    severity=Severity.CRITICAL,
    risk="An outage, or a backup that did not run, is seen by a machine and by nobody else.",
    fix=(
        "Assign a contact of this stack: an alert contact that is active, or an integration, told when "
        "something is down."
    ),
    controls=(
        Control.SOC_CC7_3,
        Control.ISO_A_5_26,
        Control.NIST_SI_4_12,
        Control.NIST_IR_4,
        Control.CIS_17_2,
    ),
    subjects=of_type(MONITOR),
    judge=lambda monitor, stack, _limits: check_reach(monitor, stack),
)
