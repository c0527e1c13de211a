"""A waiver that is malformed, over or without a violation is refused. Evaluation judges them last."""

from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.rule import Rule

RULE: Final = Rule(
    id="waivers-are-valid",
    title="Every waiver is complete, in force, and waives a violation that is there",
    violated="has bad waivers",
    severity=Severity.HIGH,
    risk="An exception that nobody reviews any more hides the next problem at the same place.",
    fix="Correct or remove the entry in policies/waivers.yaml; a new term needs a new review.",
    controls=(Control.SOC_CC8_1, Control.ISO_A_8_9, Control.NIST_CM_3),
    subjects=lambda _: (),
    judge=lambda *_: (),
    waivable=False,
)
