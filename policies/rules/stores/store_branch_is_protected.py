"""A Neon project whose default branch anyone may delete is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.rule import Rule, expect, of_type, one_of

RULE: Final = Rule(
    id="store-branch-is-protected",
    title="The default branch of every Neon project is protected",
    violated="leaves its default branch unprotected",
    severity=Severity.HIGH,
    risk="One call to the API, or one click, deletes or resets the branch that production runs on.",
    fix="Declare defaultBranchProtected true; it needs a paid plan.",
    controls=(Control.SOC_CC6_1, Control.NIST_AC_3, Control.ISO_A_8_3, Control.CIS_11_3),
    subjects=of_type("neon:index/project:Project"),
    judge=lambda project, _stack, _limits: expect(
        project, "defaultBranchProtected", one_of(True), "must declare defaultBranchProtected true"
    ),
)
