"""AWS IAM roles: which roles have a policy, and their paths and names."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from policies.facts.iam_documents import ROLE, matches
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

POLICY: Final = "aws:iam/policy:Policy"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
SOME_ACCOUNT: Final = "000000000000"
_ATTACHMENT: Final = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

_ADMINISTRATORS: Final = tuple(
    f"arn:*:iam::aws:policy/{name}" for name in ("AdministratorAccess*", "IAMFullAccess", "PowerUserAccess")
)
"""From the AWS Managed Policy Reference."""


class Roles:
    """The roles of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name: dict[str, list[Resource]] = defaultdict(list)
        for role in stack.of_type(ROLE):
            match role.at("name"):
                case Known(str(name)):
                    self._by_name[name].append(role)
                case _:
                    pass
        self._attachments: dict[str, list[Resource]] = defaultdict(list)
        for attachment in stack.of_type(_ATTACHMENT):
            for policy in stack.dependencies(attachment, "policyArn"):
                self._attachments[policy.urn].append(attachment)

    def with_policy(self, policy: Resource) -> Iterator[tuple[Resource, PropertyValue]]:
        """
        Yield each role that has a policy, with its path and name, such as `/name`.

        For a role that this stack does not create, the resource is the attachment or policy that names it.

        Args:
            policy: A policy, or a role with inline policies.
        """
        if policy.type == ROLE:
            yield policy, path_and_name(policy)
            return
        for holder in self._attachments[policy.urn] if policy.type == POLICY else [policy]:
            role_name = holder.at("role")
            roles = self._find_sources(holder, "role")
            match role_name:
                case Known(str(name)) if not roles:
                    named = self._find_named(holder, name)
                    yield from ((role, path_and_name(role)) for role in named)
                    if not named:
                        yield holder, Known(f"/{name}")
                case Known() if not roles:
                    yield holder, Absent()
                case _ if not roles:
                    yield holder, role_name
                case _:
                    yield from ((role, path_and_name(role)) for role in roles)

    def find_named(self, resource: Resource, name: str) -> list[Resource]:
        """Return the roles of this stack that an input names or is made from."""
        match resource.at(name):
            case Known(str(role)) if named := self._find_named(resource, role):
                return named
            case _:
                return self._find_sources(resource, name)

    def _find_named(self, resource: Resource, name: str) -> list[Resource]:
        """Return the roles of a name that can be in the account of a resource that names them."""
        return [role for role in self._by_name.get(name, ()) if can_share_account(role, resource)]

    def _find_sources(self, resource: Resource, name: str) -> list[Resource]:
        return [one for one in self._stack.dependencies(resource, name) if one.type == ROLE]


def can_share_account(first: Resource, second: Resource) -> bool:
    """Tell whether the providers of two resources don't name different accounts: names repeat in another."""
    here, there = map(_provider_accounts, (first, second))
    return not (here and there) or bool(here & there)


def _provider_accounts(resource: Resource) -> set[str]:
    accounts = resource.provider_input("allowedAccountIds").each()
    return {str(account.value) for account in accounts if isinstance(account, Known)}


def arns_of(role: Resource) -> list[str]:
    """Return the ARNs that a role can have, by its provider's accounts; that of `SOME_ACCOUNT` if unknown."""
    named = path_and_name(role)
    accounts = sorted(_provider_accounts(role)) or [SOME_ACCOUNT]
    return (
        [f"arn:aws:iam::{account}:role{named.value}" for account in accounts]
        if isinstance(named, Known)
        else []
    )


def path_and_name(role: Resource) -> PropertyValue:
    """Return a role's path and name, such as `/name`."""
    match role.at("path"), role.at("name"):
        case (Unknown(), _) | (_, Unknown()):
            return Unknown()
        case Known(str(path)), Known(str(name)):
            return Known(path + name)
        case Absent(), Known(str(name)):
            return Known(f"/{name}")
        case path, Absent():
            # The physical name that Pulumi generates: the resource's name, a hyphen, and random characters.
            start = path.value if isinstance(path, Known) else "/"
            return Known(f"{start}{role.name}-0000000")
        case _:
            return Absent()


def allows_everything(arn: str) -> bool:
    """Tell whether an ARN is that of a policy of AWS's that allows everything, or granting it to oneself."""
    return any(matches(pattern, arn) for pattern in _ADMINISTRATORS)


def boundaries(stack: PolicyStack) -> dict[Resource, Resource]:
    """Return role -> the policy of this stack that is its permissions boundary."""
    policies: dict[object, list[Resource]] = defaultdict(list)
    for policy in stack.of_type(POLICY):
        if isinstance(name := path_and_name(policy), Known):
            policies[name.value].append(policy)
    found: dict[Resource, Resource] = {}
    for role in stack.of_type(ROLE):
        made_from = [one for one in stack.dependencies(role, "permissionsBoundary") if one.type == POLICY]
        match role.at("permissionsBoundary"):
            case Known(str(arn)) if named := [
                policy
                for policy in policies.get(f"/{arn.partition('/')[2]}", ())
                if can_share_account(policy, role)
            ]:
                found[role] = named[0]
            case Known() | Unknown() if made_from:
                found[role] = made_from[0]
            case _:
                pass
    return found
