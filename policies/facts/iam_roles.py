"""Roles of AWS's: which of them have a policy, and what they are called."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from policies.facts.iam_documents import ROLE
from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.stack import PolicyStack, Resource

POLICY: Final = "aws:iam/policy:Policy"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
_ATTACHMENT: Final = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


class Roles:
    """The roles of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name: dict[str, Resource] = {}
        for role in stack.of(ROLE):
            match role.at("name"):
                case Known(str(name)):
                    self._by_name[name] = role
                case _:
                    pass
        self._attachments: dict[str, list[Resource]] = defaultdict(list)
        for attachment in stack.of(_ATTACHMENT):
            for policy in stack.behind(attachment, "policyArn"):
                self._attachments[policy.urn].append(attachment)

    def having(self, policy: Resource) -> Iterator[tuple[Resource, Reading]]:
        """
        Yield each role that has a policy (a role has its own inline ones), and its path and name, as `/name`.

        For a role that this stack doesn't make, the resource is the one that names it.
        """
        if policy.type == ROLE:
            yield policy, _called(policy)
            return
        for giver in self._attachments[policy.urn] if policy.type == POLICY else [policy]:
            given = giver.at("role")
            made = [role for role in self._stack.behind(giver, "role") if role.type == ROLE]
            match given:
                case Known(str(name)) if not made:
                    role = self._by_name.get(name)
                    yield (role, _called(role)) if role else (giver, Known(f"/{name}"))
                case Known() if not made:
                    yield giver, Absent()
                case _ if not made:
                    yield giver, given
                case _:
                    yield from ((role, _called(role)) for role in made)


def _called(role: Resource) -> Reading:
    match role.at("path"), role.at("name"):
        case (Unknown(), _) | (_, Unknown()):
            return Unknown()
        case Known(str(path)), Known(str(name)):
            return Known(path + name)
        case Absent(), Known(str(name)):
            return Known(f"/{name}")
        case path, Absent():
            # To a resource without a name the engine gives its own, a hyphen, and something random.
            start = path.value if isinstance(path, Known) else "/"
            return Known(f"{start}{role.name}-0000000")
        case _:
            return Absent()
