"""AWS IAM roles: which roles have a policy, and their paths and names."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from policies.facts.iam_documents import ROLE, Statement, matches
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


class RoleArns:
    """The roles of a stack by the ARNs that each can have."""

    def __init__(self, stack: PolicyStack) -> None:
        self._roles: Final = stack.of_type(ROLE)
        pairs = sorted((arn, position) for position, role in enumerate(self._roles) for arn in arns_of(role))
        self._arns: Final = [arn for arn, _ in pairs]
        self._positions: Final = [position for _, position in pairs]

    def find_covered(self, statements: Iterable[Statement]) -> list[Resource]:
        """Return the roles that statements are about, without regard to actions and conditions."""
        covered: set[int] = set()
        for statement in statements:
            patterns = ("*",) if statement.not_resources or not statement.resources else statement.resources
            for pattern in patterns:
                covered.update(
                    self._positions[index]
                    for index in self._find_range(pattern)
                    if statement.covers_resource(self._arns[index])
                )
        return [self._roles[position] for position in sorted(covered)]

    def _find_range(self, pattern: str) -> range:
        """Return where the ARNs are that begin as a pattern does before its first wildcard."""
        begin = pattern.replace("?", "*").partition("*")[0]
        first = bisect_left(self._arns, begin)
        return range(first, bisect_right(self._arns, begin, first, key=lambda arn: arn[: len(begin)]))


def can_share_account(first: Resource, second: Resource) -> bool:
    """Tell whether the providers of two resources don't name different accounts: names repeat in another."""
    here, there = (resource.view(_find_provider_accounts) for resource in (first, second))
    return not (here and there) or bool(here & there)


def _find_provider_accounts(resource: Resource) -> frozenset[str]:
    accounts = resource.provider_input("allowedAccountIds").each()
    return frozenset(str(account.value) for account in accounts if isinstance(account, Known))


def arns_of(role: Resource) -> tuple[str, ...]:
    """Return the ARNs that a role can have, by its provider's accounts; that of `SOME_ACCOUNT` if unknown."""
    return role.view(_find_arns)


def _find_arns(role: Resource) -> tuple[str, ...]:
    named = path_and_name(role)
    accounts = sorted(role.view(_find_provider_accounts)) or [SOME_ACCOUNT]
    return (
        tuple(f"arn:aws:iam::{account}:role{named.value}" for account in accounts)
        if isinstance(named, Known)
        else ()
    )


def path_and_name(role: Resource) -> PropertyValue:
    """Return a role's path and name, such as `/name`."""
    return role.view(_find_path_and_name)


def _find_path_and_name(role: Resource) -> PropertyValue:
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
