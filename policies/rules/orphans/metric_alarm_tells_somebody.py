"""An alarm of CloudWatch that does nothing when it goes off is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_METRIC: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


def _judge(alarm: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    if isinstance(alarm.at("actionsEnabled"), Unknown):
        yield unknown_value(alarm, "actionsEnabled")
    elif alarm.at("actionsEnabled") not in (Absent(), Known(value=True)):
        yield message("its actions are off")
    # What an alarm of alarms watches may itself be silent.
    if not alarm.at("alarmActions").each() and (alarm.type == _COMPOSITE or not stack.of_type(_COMPOSITE)):
        yield message("it takes no action")


RULE: Final = Rule(
    id="metric-alarm-tells-somebody",
    title="Every alarm of CloudWatch takes an action when it goes off",
    violated="goes off unheard",
    severity=Severity.MEDIUM,
    risk="The measure was too high for a week, the console shows it in red, and nobody was told.",
    fix="Declare alarmActions, such as an SNS topic that tells a person, and leave actionsEnabled on.",
    controls=(Control.SOC_CC7_3, Control.NIST_SI_4_12, Control.ISO_A_8_16),
    subjects=of_type(_METRIC, _COMPOSITE),
    judge=_judge,
)
