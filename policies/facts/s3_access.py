"""Who may do what in a bucket: what its policies say, and what roles, users and groups are allowed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, LiteralString

from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import ANYONE, ROLE, Statement, matches, read, read_from
from policies.framework.messages import Text, say
from policies.framework.property_values import Absent, Known, Reading
from policies.framework.stack import PolicyStack, Resource

PUT: Final = "s3:PutObject"

TAKES_OBJECTS: Final[tuple[LiteralString, ...]] = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
)
TAKES_BUCKETS: Final[tuple[LiteralString, ...]] = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
)
"""What deletes a backup or lifts its protection (AWS, "Actions, resources, and condition keys for S3")."""

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
_ALL_OF_S3: Final = frozenset(
    f"arn:aws:iam::aws:policy/{name}"
    for name in ("AdministratorAccess", "AmazonS3FullAccess", "PowerUserAccess")
)
"""AWS's own policies that allow everything on every bucket."""

_ON_EVERYTHING: Final = Statement(
    allows=True,
    actions=("s3:*",),
    except_actions=(),
    resources=("*",),
    except_resources=(),
    principals=(),
    except_principals=False,
    conditions=(),
)
_NAMES_PRINCIPAL: Final = frozenset(
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
"""Condition keys that leave known callers only (AWS S3, "The meaning of public")."""

_EQUAL: Final = frozenset({"ArnEquals", "ArnLike", "StringEquals", "StringLike"})
_UNEQUAL: Final = frozenset({"ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"})


def is_open(statement: Statement) -> bool:
    """Tell whether it allows something to anyone at all."""
    to_anyone = statement.except_principals or any(who == "*" for _, who in statement.principals)
    return statement.allows and to_anyone and not is_bound(statement)


def is_bound(statement: Statement) -> bool:
    """Tell whether its conditions leave known callers, accounts or sources only."""
    return any(
        operator in _EQUAL
        and key in _NAMES_PRINCIPAL
        and values
        and not any(v.strip("*?") == "" for v in values)
        for operator, key, values in statement.conditions
    )


def reaches(statement: Statement, arn: str) -> bool:
    """Tell whether it speaks of a bucket or of something in it, if maybe not of all that is in it."""
    if statement.except_resources:
        return not all(
            any(matches(pattern, whole) for pattern in statement.except_resources)
            for whole in (arn, f"{arn}/*")
        )
    return not statement.resources or any(pattern_reaches(pattern, arn) for pattern in statement.resources)


def pattern_reaches(pattern: str, arn: str) -> bool:
    """Tell whether a pattern fits a bucket, or any key in it."""
    fixed = pattern.replace("?", "*").partition("*")[0]
    if fixed == pattern:
        return pattern == arn or pattern.startswith(f"{arn}/")
    return fixed.startswith(f"{arn}/") or f"{arn}/".startswith(fixed)


def denies(statement: Statement, action: str, *arns: str) -> bool:
    """Tell whether it denies an action on all of some ARNs to anyone; conditions are another matter."""
    exceptions = statement.except_actions or statement.except_resources or statement.except_principals
    return (
        not statement.allows
        and not exceptions
        and ANYONE in statement.principals
        and all(statement.covers(action, arn) for arn in arns)
    )


def judge_policies(
    bucket: Resource, stack: PolicyStack, lack: Callable[[list[Statement], str], Iterable[Text]]
) -> Iterator[Text]:
    """Judge each policy of a bucket, given its ARN; a second policy would replace the first."""
    policies = stack.view(Buckets).configuring(bucket, POLICY, "policy")
    if not policies:
        yield say("it has no bucket policy")
    for policy in policies:
        statements, unreadable = read(policy)
        yield from unreadable or lack(statements, arn_of(bucket))


@dataclass(frozen=True)
class Holder:
    """A role, user or group with all that it is allowed; or a policy, where nobody of the stack has it."""

    resource: Resource
    statements: tuple[Statement, ...]
    unreadable: tuple[Text, ...]

    account: str | None
    who: str | None
    """The last part of its ARN, as in `role/name`; None, as the account, where it isn't known."""

    @classmethod
    def of(
        cls, resource: Resource, stack: PolicyStack, statements: list[Statement], unreadable: list[Text]
    ) -> "Holder":
        kind = "user" if resource.type == _USER else "role"
        own = resource.type in _IDENTITIES.values()
        names = (resource.at("name"), resource.output("name")) if own else (resource.at(kind),)
        name = next((one.value for one in names if isinstance(one, Known)), None)
        path = resource.at("path")
        account = FailureDomain.of(resource, stack).account
        return cls(
            resource,
            tuple(statements),
            tuple(unreadable),
            account=str(account.value) if isinstance(account, Known) else None,
            who=f"{kind}{path.value if isinstance(path, Known) else '/'}{name}" if name else None,
        )

    def speaks_of(self, action: str) -> bool:
        """Tell whether anything that it holds allows an action, on whatever resource."""
        return any(one.allows and one.acts(action) for one in self.statements)

    def allowed(self, action: str, arn: str) -> list[Statement]:
        """Return the statements that allow an action on a bucket, or on something in it."""
        allowing = [one for one in self.statements if one.allows and reaches(one, arn) and one.acts(action)]
        never = allowing and any(
            not one.allows
            and not one.conditions
            and not one.except_actions
            and not one.except_resources
            and one.covers(action, arn)
            and one.covers(action, f"{arn}/*")
            for one in self.statements
        )
        return [] if never else allowing


class Holders:
    """What every identity of a stack may do by the policies that the stack declares."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._names = {
            (token, reading.value): identity
            for token in _IDENTITIES.values()
            for identity in stack.of(token)
            for reading in (identity.at("name"), identity.output("name"))
            if isinstance(reading, Known) and isinstance(reading.value, str)
        }
        self._policies = {
            reading.value: policy
            for policy in stack.of(_POLICY)
            if isinstance(reading := policy.output("arn"), Known) and isinstance(reading.value, str)
        }
        self._statements: dict[Resource, list[Statement]] = defaultdict(list)
        self._unreadable: dict[Resource, list[Text]] = defaultdict(list)
        self._gather()
        self.all: Final = [
            Holder.of(resource, stack, self._statements[resource], self._unreadable[resource])
            for resource in dict.fromkeys([*self._statements, *self._unreadable])
        ]
        self.by_resource: Final = {holder.resource: holder for holder in self.all}

    def _gather(self) -> None:
        stack = self._stack
        for policy in stack.of(*_INLINE):
            self._give(policy, self._holders(policy) or [policy])
        attached: dict[Resource, list[Resource]] = {policy: [] for policy in stack.of(_POLICY)}
        for attachment in stack.of(*_ATTACHMENTS):
            for policy in self._attached(attachment, "policyArn", [attachment.at("policyArn")]):
                attached[policy] += self._holders(attachment)
        for role in stack.of(ROLE):
            for inline in role.at("inlinePolicies").each():
                if not isinstance(inline.at("policy"), Absent):
                    statements, unreadable = read_from(inline.at("policy"), role, "inlinePolicies")
                    self._statements[role] += statements
                    self._unreadable[role] += unreadable
            managed = role.at("managedPolicyArns").each()
            for policy in self._attached(role, "managedPolicyArns", managed) if managed else []:
                attached[policy].append(role)
        for policy, holders in attached.items():
            self._give(policy, holders or [policy])

    def _give(self, policy: Resource, holders: list[Resource]) -> None:
        statements, unreadable = read(policy)
        for holder in dict.fromkeys(holders):
            self._statements[holder] += statements
            self._unreadable[holder] += unreadable

    def _attached(self, attachment: Resource, name: str, arns: list[Reading]) -> list[Resource]:
        """Return this stack's policies among some ARNs; what AWS's own allow is given at once."""
        known = [arn.value for arn in arns if isinstance(arn, Known)]
        if any(arn in _ALL_OF_S3 for arn in known):
            for holder in [attachment] if attachment.type == ROLE else self._holders(attachment):
                self._statements[holder].append(_ON_EVERYTHING)
        made_from = (one for one in self._stack.behind(attachment, name) if one.type == _POLICY)
        return [*made_from, *(self._policies[arn] for arn in known if arn in self._policies)]

    def _holders(self, resource: Resource) -> list[Resource]:
        """Return whom a policy or an attachment names or is made from."""
        found: list[Resource] = []
        for kind, token in _IDENTITIES.items():
            for name in (kind, f"{kind}s"):
                found += [one for one in self._stack.behind(resource, name) if one.type == token]
                said = resource.at(name)
                for reading in (said, *said.each()):
                    if isinstance(reading, Known) and isinstance(reading.value, str):
                        found += [self._names[key] for key in [(token, reading.value)] if key in self._names]
        return list(dict.fromkeys(found))


def holders(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about who may touch vaults; none in a stack without vaults."""
    return [holder.resource for holder in stack.view(Holders).all] if vaults(stack) else []


def writers(stack: PolicyStack) -> list[Holder]:
    """Return whoever may put something into a vault; a policy that nobody of the stack has is nobody."""
    return stack.view(_writers)


def _writers(stack: PolicyStack) -> list[Holder]:
    arns = [arn_of(vault) for vault in vaults(stack)]
    return [
        holder
        for holder in stack.view(Holders).all
        if holder.resource.type != _POLICY and any(holder.allowed(PUT, arn) for arn in arns)
    ]


def is_about(statement: Statement, holder: Holder) -> bool:
    """Tell whether a bucket policy's statement surely is, by principal and conditions, about this holder."""
    if statement.except_principals:
        return False
    if ANYONE not in statement.principals:
        named = any(kind == "AWS" and _is("StringEquals", arn, holder) for kind, arn in statement.principals)
        return named and not statement.conditions
    match statement.conditions:
        case ():
            return True
        case ((operator, "aws:principalarn", values),) if operator in _EQUAL:
            return any(_is(operator, value, holder) for value in values)
        case ((operator, "aws:principalarn", values),) if operator in _UNEQUAL:
            return holder.who is not None and not any(_is(operator, value, holder) for value in values)
        case _:
            return False


def _is(operator: str, pattern: str, holder: Holder) -> bool:
    # These two take a wildcard for itself (AWS IAM, "Condition operators").
    if operator in ("StringEquals", "StringNotEquals") and set(pattern) & {"*", "?"}:
        return False
    account = holder.account or next(iter(pattern.split(":")[4:5]), "")
    return holder.who is not None and matches(pattern, f"arn:aws:iam::{account}:{holder.who}")
