"""Access to S3 buckets: bucket policies, and the permissions of roles, users and groups."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, LiteralString

from core import vault_layout
from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import ANYONE, ROLE, Statement, matches, parse_statements, read_statements
from policies.facts.iam_roles import boundaries, can_share_account
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.stack import PolicyStack, Resource

PUT: Final = "s3:PutObject"

DESTRUCTIVE_OBJECT_ACTIONS: Final[tuple[LiteralString, ...]] = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
)
DESTRUCTIVE_BUCKET_ACTIONS: Final[tuple[LiteralString, ...]] = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
)
"""Actions that delete a backup or its protection (AWS, "Actions, resources, and condition keys for S3")."""

_USER: Final = "aws:iam/user:User"
_GROUP: Final = "aws:iam/group:Group"
_IDENTITIES: Final = {"role": ROLE, "user": _USER, "group": _GROUP}
_INLINE: Final = (
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
_POLICY: Final = "aws:iam/policy:Policy"
_ATTACHMENTS: Final = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
_S3_ADMINISTRATOR_POLICIES: Final = frozenset(
    f"arn:aws:iam::aws:policy/{name}"
    for name in ("AdministratorAccess", "AmazonS3FullAccess", "PowerUserAccess")
)
"""AWS managed policies that allow every action on every bucket."""

_ALLOW_ALL_OF_S3: Final = Statement(
    allows=True,
    actions=("s3:*",),
    not_actions=(),
    resources=("*",),
    not_resources=(),
    principals=(),
    has_not_principal=False,
    conditions=(),
    position=1,
)
_CALLER_KEYS: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpce",
        "kms:calleraccount",
    }
)
"""Condition keys that limit access to known callers (AWS S3, "The meaning of public")."""

_EQUAL_OPERATORS: Final = frozenset({"ArnEquals", "ArnLike", "StringEquals", "StringLike"})
_UNEQUAL_OPERATORS: Final = frozenset({"ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"})


def is_open(statement: Statement) -> bool:
    """Tell whether a statement allows something to anyone."""
    to_anyone = statement.has_not_principal or any(who == "*" for _, who in statement.principals)
    return statement.allows and to_anyone and not limits_callers(statement)


def limits_callers(statement: Statement) -> bool:
    """Tell whether a statement's conditions limit it to known callers, accounts or sources."""
    return any(
        operator in _EQUAL_OPERATORS
        and key in _CALLER_KEYS
        and values
        and not any(value.strip("*?") == "" for value in values)
        for operator, key, values in statement.conditions
    )


def reaches(statement: Statement, arn: str) -> bool:
    """Tell whether a statement covers a bucket, or at least one key in it."""
    if statement.not_resources:
        return not all(
            any(matches(pattern, covered) for pattern in statement.not_resources)
            for covered in (arn, f"{arn}/*")
        )
    return not statement.resources or any(pattern_reaches(pattern, arn) for pattern in statement.resources)


def pattern_reaches(pattern: str, arn: str) -> bool:
    """Tell whether a pattern matches a bucket, or at least one key in it."""
    fixed = pattern.replace("?", "*").partition("*")[0]
    if fixed == pattern:
        return pattern == arn or pattern.startswith(f"{arn}/")
    return fixed.startswith(f"{arn}/") or f"{arn}/".startswith(fixed)


def denies(statement: Statement, action: str, *arns: str) -> bool:
    """Tell whether a statement denies everyone an action on all these ARNs, without regard to conditions."""
    exceptions = statement.not_actions or statement.not_resources or statement.has_not_principal
    return (
        not statement.allows
        and not exceptions
        and ANYONE in statement.principals
        and all(statement.covers(action, arn) for arn in arns)
    )


def judge_policies(
    bucket: Resource, stack: PolicyStack, check: Callable[[list[Statement], str], Iterable[Message]]
) -> Iterator[Message]:
    """
    Judge each policy of a bucket. Each must comply, as a second one would replace the first.

    Args:
        bucket: The bucket.
        stack: The stack.
        check: Returns the problems of a policy's statements, given them and the bucket's ARN.
    """
    policies = stack.view(Buckets).parts_or_inline(bucket, POLICY, "policy")
    if not policies:
        yield message("it has no bucket policy")
    for policy in policies:
        statements, unreadable = read_statements(policy)
        yield from unreadable or check(statements, arn_of(bucket))


@dataclass(frozen=True)
class IamIdentity:
    """A role, user or group with its statements; or a policy that no identity of the stack has."""

    resource: Resource
    statements: tuple[Statement, ...]
    unreadable: tuple[Message, ...]

    account: str | None
    arn_suffix: str | None
    """The last part of its ARN, such as `role/name`. It and the account are None if unknown."""

    _allowing: dict[tuple[str, str], list[Statement]] = field(
        default_factory=dict[tuple[str, str], list[Statement]], repr=False, compare=False
    )
    """What `statements_allowing` has found: several rules ask the same of each identity and each vault."""

    @classmethod
    def of(
        cls, resource: Resource, stack: PolicyStack, statements: list[Statement], unreadable: list[Message]
    ) -> "IamIdentity":
        kind = "user" if resource.type == _USER else "role"
        is_identity = resource.type in _IDENTITIES.values()
        names = (resource.at("name"), resource.output("name")) if is_identity else (resource.at(kind),)
        name = next((value.value for value in names if isinstance(value, Known)), None)
        path = resource.at("path")
        account = FailureDomain.of(resource, stack).account
        return cls(
            resource,
            tuple(statements),
            tuple(unreadable),
            account=str(account.value) if isinstance(account, Known) else None,
            arn_suffix=f"{kind}{path.value if isinstance(path, Known) else '/'}{name}" if name else None,
        )

    def allows_anywhere(self, action: str) -> bool:
        """Tell whether a statement allows an action, on any resource."""
        return any(statement.allows and statement.covers_action(action) for statement in self.statements)

    def adds_backups(self, action: str, arn: str) -> bool:
        """
        Tell whether a statement allows an action that adds to a vault of this ARN.

        The public keys that attestations are verified with are in a vault too, and are no backup.
        """
        return any(
            statement.not_resources
            or not all(
                resource.startswith(f"{arn}/{vault_layout.ISSUER_KEYS}") for resource in statement.resources
            )
            or not statement.resources
            for statement in self.statements_allowing(action, arn)
        )

    def statements_allowing(self, action: str, arn: str) -> list[Statement]:
        """Return the statements that allow an action on a bucket, or on a key in it."""
        if (action, arn) not in self._allowing:
            self._allowing[action, arn] = self._find_allowing(action, arn)
        return self._allowing[action, arn]

    def _find_allowing(self, action: str, arn: str) -> list[Statement]:
        allowing = [
            statement
            for statement in self.statements
            if statement.allows and statement.covers_action(action) and reaches(statement, arn)
        ]
        denied = allowing and any(
            not statement.allows
            and not statement.conditions
            and not statement.not_actions
            and not statement.not_resources
            and statement.covers(action, arn)
            and statement.covers(action, f"{arn}/*")
            for statement in self.statements
        )
        return [] if denied else allowing


class IamIdentities:
    """The identities of a stack, with the statements of all policies that the stack gives them."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._names: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for token in _IDENTITIES.values():
            for identity in stack.of_type(token):
                values = (identity.at("name"), identity.output("name"))
                names = {one.value for one in values if isinstance(one, Known) and isinstance(one.value, str)}
                for name in names:
                    self._names[token, name].append(identity)
        self._policies = {
            value.value: policy
            for policy in stack.of_type(_POLICY)
            if isinstance(value := policy.output("arn"), Known) and isinstance(value.value, str)
        }
        self._statements: dict[Resource, list[Statement]] = defaultdict(list)
        self._unreadable: dict[Resource, list[Message]] = defaultdict(list)
        self._collect()
        self.all: Final = [
            IamIdentity.of(resource, stack, self._statements[resource], self._unreadable[resource])
            for resource in dict.fromkeys([*self._statements, *self._unreadable])
        ]
        self.by_resource: Final = {identity.resource: identity for identity in self.all}

    def _collect(self) -> None:
        stack = self._stack
        for policy in stack.of_type(*_INLINE):
            self._add_statements(policy, self._find_identities(policy) or [policy])
        attached: dict[Resource, list[Resource]] = {policy: [] for policy in stack.of_type(_POLICY)}
        for attachment in stack.of_type(*_ATTACHMENTS):
            for policy in self._attached_policies(attachment, "policyArn", [attachment.at("policyArn")]):
                attached[policy] += self._find_identities(attachment)
        for role in stack.of_type(ROLE):
            for inline in role.at("inlinePolicies").each():
                if not isinstance(inline.at("policy"), Absent):
                    statements, unreadable = parse_statements(inline.at("policy"), role, "inlinePolicies")
                    self._statements[role] += statements
                    self._unreadable[role] += unreadable
            managed = role.at("managedPolicyArns").each()
            for policy in self._attached_policies(role, "managedPolicyArns", managed) if managed else []:
                attached[policy].append(role)
        # A boundary allows nobody anything.
        limits = set(stack.view(boundaries).values())
        for policy, holders in attached.items():
            self._add_statements(policy, holders or ([] if policy in limits else [policy]))

    def _add_statements(self, policy: Resource, holders: list[Resource]) -> None:
        statements, unreadable = read_statements(policy)
        for holder in dict.fromkeys(holders):
            self._statements[holder] += statements
            self._unreadable[holder] += unreadable

    def _attached_policies(
        self, attachment: Resource, name: str, arns: list[PropertyValue]
    ) -> list[Resource]:
        """Return this stack's policies among some ARNs. Add the statements of AWS managed ones directly."""
        known = [arn.value for arn in arns if isinstance(arn, Known)]
        if any(arn in _S3_ADMINISTRATOR_POLICIES for arn in known):
            for holder in [attachment] if attachment.type == ROLE else self._find_identities(attachment):
                self._statements[holder].append(_ALLOW_ALL_OF_S3)
        dependencies = self._stack.dependencies(attachment, name)
        policies = (dependency for dependency in dependencies if dependency.type == _POLICY)
        return [*policies, *(self._policies[arn] for arn in known if arn in self._policies)]

    def _find_identities(self, resource: Resource) -> list[Resource]:
        """Return the identities that a policy or an attachment names or depends on."""
        identities: list[Resource] = []
        for kind, token in _IDENTITIES.items():
            for name in (kind, f"{kind}s"):
                dependencies = self._stack.dependencies(resource, name)
                identities += [dependency for dependency in dependencies if dependency.type == token]
                declared = resource.at(name)
                for value in (declared, *declared.each()):
                    if isinstance(value, Known) and isinstance(value.value, str):
                        named = self._names.get((token, value.value), ())
                        identities += [one for one in named if can_share_account(one, resource)]
        return list(dict.fromkeys(identities))


def identities(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about access to vaults: all identities, or none without a vault."""
    return [identity.resource for identity in stack.view(IamIdentities).all] if vaults(stack) else []


def writers(stack: PolicyStack) -> list[IamIdentity]:
    """
    Return the roles, users and groups of the stack that may put objects into a vault.

    A policy that none of them has does not count.
    """
    return stack.view(_find_writers)


def _find_writers(stack: PolicyStack) -> list[IamIdentity]:
    arns = [arn_of(vault) for vault in vaults(stack)]
    return [
        identity
        for identity in stack.view(IamIdentities).all
        if identity.resource.type != _POLICY and any(identity.adds_backups(PUT, arn) for arn in arns)
    ]


def applies_to(statement: Statement, identity: IamIdentity) -> bool:
    """Tell whether a bucket policy's statement certainly matches an identity: principal and conditions."""
    if statement.has_not_principal:
        return False
    if ANYONE not in statement.principals:
        named = any(
            kind == "AWS" and _matches_identity("StringEquals", arn, identity)
            for kind, arn in statement.principals
        )
        return named and not statement.conditions
    match statement.conditions:
        case ():
            return True
        case ((operator, "aws:principalarn", values),) if operator in _EQUAL_OPERATORS:
            return any(_matches_identity(operator, value, identity) for value in values)
        case ((operator, "aws:principalarn", values),) if operator in _UNEQUAL_OPERATORS:
            return identity.arn_suffix is not None and not any(
                _matches_identity(operator, value, identity) for value in values
            )
        case _:
            return False


def _matches_identity(operator: str, pattern: str, identity: IamIdentity) -> bool:
    # These two operators have no wildcards (AWS IAM, "Condition operators").
    if operator in ("StringEquals", "StringNotEquals") and set(pattern) & {"*", "?"}:
        return False
    account = identity.account or next(iter(pattern.split(":")[4:5]), "")
    return identity.arn_suffix is not None and matches(
        pattern, f"arn:aws:iam::{account}:{identity.arn_suffix}"
    )
