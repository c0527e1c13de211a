"""An identity with an AWS managed administrator policy is refused."""

import re
from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE
from policies.facts.iam_roles import allows_everything
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_PERMISSION_SET: Final = "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment"
_ATTACHMENTS: Final = (
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    _PERMISSION_SET,
)
_LIST: Final = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
_INPUTS: Final[dict[str, LiteralString]] = {
    ROLE: "managedPolicyArns",
    _LIST: "policyArns",
    _PERMISSION_SET: "managedPolicyArn",
}
_POLICY: Final = "aws:iam/policy:Policy"
_OF_A_SERVICE: Final = re.compile(
    r"arn:[^:]+:iam::aws:policy/(?:.*/)?"
    r"(?:(?!IAM|Administrator|PowerUser).*(?:FullAccess|PowerUser|Administrator).*|SecretsManagerReadWrite)"
)
"""The names that AWS gives to policies with every action of a service (AWS, "AWS managed policies")."""


def _subjects(stack: PolicyStack) -> list[Resource]:
    managed = (role for role in stack.of_type(ROLE) if not isinstance(role.at("managedPolicyArns"), Absent))
    lists = (one for one in stack.of_type(_LIST) if one.at("policyArns").each())
    return [*stack.of_type(*_ATTACHMENTS), *managed, *lists]


def _judge(identity: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    name = _INPUTS.get(identity.type, "policyArn")
    arns = identity.at(name)
    # Other rules judge the policies of this stack.
    own = any(policy.type == _POLICY for policy in stack.dependencies(identity, name))
    for arn in arns.each() if identity.type in (ROLE, _LIST) else [arns]:
        match arn:
            case Known(str(text)) if _OF_A_SERVICE.fullmatch(text):
                yield message("it is given a policy of AWS's that allows whatever a service can do")
            case Known(str(text)) if not allows_everything(text):
                pass
            case Unknown() if own:
                pass
            case Unknown():
                yield unknown_value(identity, name)
            case Known(str()):
                yield message("it is given a policy of AWS's that makes it an administrator")
            case _:
                yield message("{identity} does not say which policy it gives", identity=identity)


RULE: Final = Rule(
    id="role-has-no-managed-administrator",
    title="No identity has AdministratorAccess, or another policy of AWS's that allows all of a service",
    violated="makes an administrator",
    severity=Severity.CRITICAL,
    risk="One leaked session of it is the loss of the whole account, backups included.",
    fix="Attach a policy that lists what the workload does instead.",
    controls=(Control.CIS_AWS_1_16, Control.NIST_AC_6, Control.ISO_A_8_2),
    subjects=_subjects,
    judge=_judge,
)
