"""AWS KMS keys: their aliases and policies, and the buckets that they encrypt."""

from collections.abc import Iterator
from typing import Final, LiteralString

from policies.facts.buckets import BUCKET, ENCRYPTION, Buckets
from policies.facts.failure_domain import FailureDomain
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

KEY: Final = "aws:kms/key:Key"
KEY_POLICY: Final = "aws:kms/keyPolicy:KeyPolicy"
ALIAS: Final = "aws:kms/alias:Alias"
GRANT: Final = "aws:kms/grant:Grant"
REPLICA_KEY: Final = "aws:kms/replicaKey:ReplicaKey"
_NEEDED: Final[tuple[tuple[LiteralString, Known, LiteralString], ...]] = (
    ("isEnabled", Known(value=True), "it is off"),
    ("keyUsage", Known("ENCRYPT_DECRYPT"), "it is for something else than to encrypt"),
    ("customerMasterKeySpec", Known("SYMMETRIC_DEFAULT"), "it is not symmetric, and S3 takes no other"),
)
_STORES: Final[tuple[LiteralString, ...]] = ("customKeyStoreId", "xksKeyId")
_SOME_KEY: Final = "00000000-0000-4000-8000-000000000000"


class KmsKeys:
    """The keys of a stack, by id, ARN and alias."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name: dict[str, Resource] = {}
        self._aliased: dict[Resource, list[Resource]] = {}
        for key in stack.of_type(KEY):
            self._index_names(key, key, "arn", "keyId", "id")
        for alias in stack.of_type(ALIAS):
            self._aliased[alias] = self.resolve(alias, "targetKeyId", alias.at("targetKeyId"))
            for key in self._aliased[alias]:
                self._index_names(key, alias, "arn", "name")
        self._policies_by_key: dict[Resource, list[Resource]] = {}
        for policy in stack.of_type(KEY_POLICY):
            for key in self.resolve(policy, "keyId", policy.at("keyId")):
                self._policies_by_key.setdefault(key, []).append(policy)
        self._by_bucket = {bucket: self._find_keys_of(bucket) for bucket in stack.of_type(BUCKET)}

    def resolve(self, resource: Resource, name: str, value: PropertyValue) -> list[Resource]:
        """Return the keys that a value in an input names; if unknown, those that the input depends on."""
        match value:
            case Known(str(text)):
                return [self._by_name[text]] if text in self._by_name else []
            case Unknown():
                dependencies = self._stack.dependencies(resource, name)
                keys = [dependency for dependency in dependencies if dependency.type == KEY]
                aliased = [key for alias in dependencies for key in self._aliased.get(alias, [])]
                return list(dict.fromkeys([*keys, *aliased]))
            case _:
                return []

    def of_bucket(self, bucket: Resource) -> list[Resource]:
        """Return the keys that encrypt a bucket's objects."""
        return self._by_bucket[bucket]

    def policies_of(self, key: Resource) -> list[Resource]:
        """Return the KeyPolicy resources of a key, which replace its input `policy`."""
        return self._policies_by_key.get(key, [])

    def aliases_of(self, key: Resource) -> list[str]:
        """Return the names of the aliases that lead to a key, as far as they are known."""
        names = [alias.at("name") for alias, keys in self._aliased.items() if key in keys]
        return [str(name.value) for name in names if isinstance(name, Known)]

    def find_rivals(self, key: Resource) -> list[Resource]:
        """Return the aliases that have a name of one of a key's, in its region, and don't lead to it."""
        here, names = FailureDomain.of(key, self._stack), self.aliases_of(key)
        return [
            alias
            for alias, keys in self._aliased.items()
            if key not in keys
            and any(alias.at("name") == Known(name) for name in names)
            and _same_place(here, FailureDomain.of(alias, self._stack))
        ]

    def replicas_of(self, key: Resource) -> list[Resource]:
        """Return the keys of other regions with the same material, each with a policy of its own."""
        return [
            replica
            for replica in self._stack.of_type(REPLICA_KEY)
            if key in self.resolve(replica, "primaryKeyArn", replica.at("primaryKeyArn"))
        ]

    def _index_names(self, key: Resource, source: Resource, *names: str) -> None:
        for name in names:
            for value in (source.output(name), source.at(name)):
                if isinstance(value, Known) and isinstance(value.value, str):
                    self._by_name[value.value] = key

    def _find_keys_of(self, bucket: Resource) -> list[Resource]:
        keys = (
            key
            for part, name, rule in encryption_rules(bucket, self._stack)
            for key in self.resolve(part, name, key_id_of(rule))
        )
        return list(dict.fromkeys(keys))


def judge_key(key: Resource) -> Iterator[Message]:
    """Yield why a key can't encrypt what S3 or Secrets Manager keep, or may be cut off from its material."""
    for path, needed, problem in _NEEDED:
        match key.at(path):
            case Unknown():
                yield unknown_value(key, path)
            case value if value not in (Absent(), needed):
                yield message(problem)
            case _:
                pass
    if any(not isinstance(key.at(path), Absent) for path in _STORES):
        yield message("its material lies in a store that can be cut off from it")


def _same_place(left: FailureDomain, right: FailureDomain) -> bool:
    return left.account == right.account and left.region == right.region


def encryption_rules(bucket: Resource, stack: PolicyStack) -> list[tuple[Resource, str, PropertyValue]]:
    """
    Return each encryption rule of a bucket, after the resource and the input that contain it.

    The rule is absent for a resource without rules.
    """
    inline = "serverSideEncryptionConfiguration"
    return [
        (part, inline, part.at(inline, "rule")) if part == bucket else (part, "rules", rule)
        for part in stack.view(Buckets).parts_or_inline(bucket, ENCRYPTION, inline)
        for rule in ([part.at(inline)] if part == bucket else (part.at("rules").each() or [Absent()]))
    ]


def key_id_of(rule: PropertyValue) -> PropertyValue:
    """Return the id, ARN or alias of the key in an encryption rule."""
    return rule.at("applyServerSideEncryptionByDefault", "kmsMasterKeyId")


def arn_of_key(key: Resource, stack: PolicyStack) -> str:
    """Return a key's ARN, or one that it could have: its id is not known before it exists."""
    match key.output("arn"):
        case Known(str(arn)):
            return arn
        case _:
            domain = FailureDomain.of(key, stack)
            region, account = (
                str(value.value) if isinstance(value, Known) else ""
                for value in (domain.region, domain.account)
            )
            return f"arn:aws:kms:{region}:{account}:key/{_SOME_KEY}"
