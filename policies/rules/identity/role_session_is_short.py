"""A role whose session may outlast the job that it is for is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE
from policies.framework.controls import Control
from policies.framework.messages import Text
from policies.framework.property_values import Absent
from policies.framework.rule import Parameters, Rule, at_least, expect_of, from_to, of
from policies.framework.stack import PolicyStack, Resource

_SECONDS: Final = "maxSessionDuration"


def _judge(role: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    declared = role.at(_SECONDS)
    # AWS gives an hour to a role that doesn't say (IAM, "Maximum session duration"); the provider says so.
    seconds = role.output(_SECONDS) if isinstance(declared, Absent) else declared
    wanted = from_to(0, limits["maximum_hours"] * 3600)
    return expect_of(seconds, role, _SECONDS, wanted, "lets a session last longer than its limit, or forever")


RULE: Final = Rule(
    id="role-session-is-short",
    title="A role's session ends soon after the work that it is for",
    violated="has long sessions",
    severity=Severity.MEDIUM,
    risk="Credentials that leak from a job, a log or a laptop stay good for hours.",
    fix="Declare a maxSessionDuration (seconds) no longer than the longest run of the job.",
    controls=(Control.NIST_AC_12, Control.NIST_AC_6),
    subjects=of(ROLE),
    judge=_judge,
    parameters=(at_least("maximum_hours", 2, "how long a session may last, in hours"),),
)
