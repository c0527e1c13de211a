"""Which KMS key encrypts what."""

from typing import Final

from policies.facts.buckets import BUCKET, ENCRYPTION, Buckets
from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.stack import PolicyStack, Resource

KEY: Final = "aws:kms/key:Key"
KEY_POLICY: Final = "aws:kms/keyPolicy:KeyPolicy"
_ALIAS: Final = "aws:kms/alias:Alias"


class Keys:
    """The keys of a stack, by all their names."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name: dict[str, Resource] = {}
        self._aliased: dict[Resource, list[Resource]] = {}
        for key in stack.of(KEY):
            self._learn(key, key, "arn", "keyId", "id")
        for alias in stack.of(_ALIAS):
            self._aliased[alias] = self.named(alias, "targetKeyId", alias.at("targetKeyId"))
            for key in self._aliased[alias]:
                self._learn(key, alias, "arn", "name")
        self._policies: dict[Resource, list[Resource]] = {}
        for policy in stack.of(KEY_POLICY):
            for key in self.named(policy, "keyId", policy.at("keyId")):
                self._policies.setdefault(key, []).append(policy)
        self._by_bucket = {bucket: self._encrypting(bucket) for bucket in stack.of(BUCKET)}

    def named(self, resource: Resource, name: str, reading: Reading) -> list[Resource]:
        """Return the keys that a part of an input names; where that is unknown, those it is made from."""
        match reading:
            case Known(str(text)):
                return [self._by_name[text]] if text in self._by_name else []
            case Unknown():
                made_from = self._stack.behind(resource, name)
                keys = [one for one in made_from if one.type == KEY]
                aliased = [key for one in made_from for key in self._aliased.get(one, [])]
                return list(dict.fromkeys([*keys, *aliased]))
            case _:
                return []

    def of_bucket(self, bucket: Resource) -> list[Resource]:
        """Return the keys that encrypt what is put into a bucket."""
        return self._by_bucket[bucket]

    def policies(self, key: Resource) -> list[Resource]:
        """Return the resources that are a key's policy instead of its own input."""
        return self._policies.get(key, [])

    def _learn(self, key: Resource, called: Resource, *names: str) -> None:
        for name in names:
            for reading in (called.output(name), called.at(name)):
                if isinstance(reading, Known) and isinstance(reading.value, str):
                    self._by_name[reading.value] = key

    def _encrypting(self, bucket: Resource) -> list[Resource]:
        found = (
            key
            for part, name, rule in encryptions(bucket, self._stack)
            for key in self.named(part, name, key_of(rule))
        )
        return list(dict.fromkeys(found))


def encryptions(bucket: Resource, stack: PolicyStack) -> list[tuple[Resource, str, Reading]]:
    """Return each rule on a bucket's encryption, an absent one where there is none, after where it stands."""
    inline = "serverSideEncryptionConfiguration"
    return [
        (part, inline, part.at(inline, "rule")) if part == bucket else (part, "rules", rule)
        for part in stack.view(Buckets).configuring(bucket, ENCRYPTION, inline)
        for rule in ([part.at(inline)] if part == bucket else (part.at("rules").each() or [Absent()]))
    ]


def key_of(rule: Reading) -> Reading:
    """Return what names the key in a rule on encryption."""
    return rule.at("applyServerSideEncryptionByDefault", "kmsMasterKeyId")
