"""A KMS key without automatic rotation is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.kms_keys import KEY
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter, one_of
from policies.framework.stack import PolicyStack, Resource


def _subjects(stack: PolicyStack) -> list[Resource]:
    # KMS only rotates symmetric keys automatically (AWS KMS, "Rotate AWS KMS keys").
    specs = ((key, key.at("customerMasterKeySpec")) for key in stack.of_type(KEY))
    return [key for key, spec in specs if not isinstance(spec, Known) or spec == Known("SYMMETRIC_DEFAULT")]


def _judge(key: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    yield from expect(key, "enableKeyRotation", one_of(True), "must declare enableKeyRotation true")
    yield from expect(
        key, "rotationPeriodInDays", in_range(1, limits["maximum_days"]), "must declare a period short enough"
    )


RULE: Final = Rule(
    id="key-rotates",
    title="Every KMS key rotates by itself",
    violated="does not rotate",
    severity=Severity.MEDIUM,
    risk="Whoever learnt the key material once reads everything that is ever encrypted with it.",
    fix="Declare enableKeyRotation true and rotationPeriodInDays of at most a year.",
    controls=(Control.CIS_AWS_3_6, Control.NIST_SC_12, Control.ISO_A_8_24),
    subjects=_subjects,
    judge=_judge,
    # The CIS AWS Foundations Benchmark asks for a rotation each year.
    parameters=(
        number_parameter(
            "maximum_days",
            365,
            "after how many days every key must be rotated, at the latest",
            looser="higher",
        ),
    ),
)
