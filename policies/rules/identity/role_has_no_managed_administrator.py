"""An identity with one of AWS's own administrator policies is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, matches
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_ATTACHMENTS: Final = (
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)
_POLICY: Final = "aws:iam/policy:Policy"
_ADMINISTRATORS: Final = tuple(
    f"arn:*:iam::aws:policy/{name}" for name in ("AdministratorAccess*", "IAMFullAccess", "PowerUserAccess")
)
"""AWS's own policies that allow everything, or giving oneself everything (AWS Managed Policy Reference)."""


def _subjects(stack: PolicyStack) -> list[Resource]:
    managed = (role for role in stack.of(ROLE) if not isinstance(role.at("managedPolicyArns"), Absent))
    return [*stack.of(*_ATTACHMENTS), *managed]


def _judge(identity: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    name = "managedPolicyArns" if identity.type == ROLE else "policyArn"
    given = identity.at(name)
    # Where it is made from a policy of this stack, other rules judge that one.
    own = any(policy.type == _POLICY for policy in stack.behind(identity, name))
    for arn in given.each() if identity.type == ROLE else [given]:
        match arn:
            case Known(str(text)) if not any(matches(pattern, text) for pattern in _ADMINISTRATORS):
                pass
            case Unknown() if own:
                pass
            case Unknown():
                yield undecided(identity, name)
            case Known(str()):
                yield say("it is given a policy of AWS's that makes it an administrator")
            case _:
                yield say("{identity} does not say which policy it gives", identity=identity)


RULE: Final = Rule(
    id="role-has-no-managed-administrator",
    title="No identity has AdministratorAccess, PowerUserAccess or IAMFullAccess",
    violated="makes an administrator",
    severity=Severity.CRITICAL,
    risk="One leaked session of it is the loss of the whole account, backups included.",
    fix="Attach a policy that lists what the workload does instead.",
    controls=(Control.CIS_AWS_1_16, Control.NIST_AC_6, Control.ISO_A_8_2),
    subjects=_subjects,
    judge=_judge,
)
