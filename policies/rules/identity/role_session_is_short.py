"""A role whose sessions may last longer than its work is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.property_values import Absent
from policies.framework.rule import Parameters, Rule, expect_value, in_range, number_parameter, of_type
from policies.framework.stack import PolicyStack, Resource

_DURATION: Final = "maxSessionDuration"


def _judge(role: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    declared = role.at(_DURATION)
    # AWS's default is an hour (IAM, "Maximum session duration"). The provider returns it as an output.
    seconds = role.output(_DURATION) if isinstance(declared, Absent) else declared
    fits = in_range(0, limits["maximum_hours"] * 3600)
    return expect_value(
        seconds, role, _DURATION, fits, "lets a session last longer than its limit, or forever"
    )


RULE: Final = Rule(
    id="role-session-is-short",
    title="A role's session ends soon after the work that it is for",
    violated="has long sessions",
    severity=Severity.MEDIUM,
    risk="Credentials that leak from a job, a log or a laptop stay good for hours.",
    fix="Declare a maxSessionDuration (seconds) no longer than the longest run of the job.",
    controls=(Control.NIST_AC_12, Control.NIST_AC_6),
    subjects=of_type(ROLE),
    judge=_judge,
    parameters=(
        number_parameter("maximum_hours", 2, "how long a session may last, in hours", looser="higher"),
    ),
)
