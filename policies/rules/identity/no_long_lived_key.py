"""A credential that does not expire, or a user who needs one, is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.facts.resource_types import TypeClass, TypeClasses
from policies.framework.controls import Control
from policies.framework.messages import message
from policies.framework.rule import Rule
from policies.framework.stack import PolicyStack, Resource


def _subjects(stack: PolicyStack) -> list[Resource]:
    classes = stack.view(TypeClasses)
    return [
        resource
        for resource in stack.resources
        if resource.is_custom and classes.of(resource) is TypeClass.CREDENTIAL
    ]


RULE: Final = Rule(
    id="no-long-lived-key",
    title="No stack makes users or keys that don't expire",
    violated="is or needs a key that does not expire",
    severity=Severity.HIGH,
    risk="Such a key is copied into files and settings, leaks from one of them, and still works years later.",
    fix="Let the workload take on a role with its own identity (GitHub's OIDC, a service's role) instead.",
    controls=(Control.NIST_IA_5, Control.SOC_CC6_1, Control.ISO_A_5_17, Control.CIS_6_8),
    subjects=_subjects,
    judge=lambda *_: (message("roles are taken on for a session, keys stay"),),
)
