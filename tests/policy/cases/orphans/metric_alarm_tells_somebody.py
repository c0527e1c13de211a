from case import Case, Change
from policy_harness import UNKNOWN, Toy, secret

TOPIC = "arn:aws:sns:eu-west-1:123456789012:example-alarms"


def given(kind: str = "metricAlarm:MetricAlarm", **inputs: object) -> Change:
    """Declare an alarm."""
    return lambda s: [*s, Toy(f"aws:cloudwatch/{kind}", "extra", inputs, provider="aws-primary")]


CASE = Case(
    rule="metric-alarm-tells-somebody",
    at="extra",
    weak=(
        given(alarmActions=[TOPIC], actionsEnabled=False),
        given(alarmActions=[]),
        given("compositeAlarm:CompositeAlarm", alarmActions=[]),
    ),
    absent=(given(), given("compositeAlarm:CompositeAlarm")),
    unknown=(given(alarmActions=[TOPIC], actionsEnabled=UNKNOWN),),
    secret=(given(alarmActions=secret([TOPIC])),),
    fine=(
        given(alarmActions=[UNKNOWN]),
        given(alarmActions=UNKNOWN),
        lambda s: given("compositeAlarm:CompositeAlarm", alarmActions=[TOPIC])(
            [*s, Toy("aws:cloudwatch/metricAlarm:MetricAlarm", "part", {}, provider="aws-primary")]
        ),
    ),
)
