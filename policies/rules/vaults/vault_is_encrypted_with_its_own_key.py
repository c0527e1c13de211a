"""A vault that isn't encrypted with a key of this stack, and of its own, is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.kms_keys import Keys, encryptions, key_of
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule, expect_of, one_of
from policies.framework.stack import PolicyStack, Resource

_DEFAULT: Final = "applyServerSideEncryptionByDefault"


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    found = encryptions(vault, stack)
    if not found:
        yield say("it declares no encryption")
    for part, name, rule in found:
        yield from expect_of(
            rule.at(_DEFAULT, "sseAlgorithm"),
            part,
            "sseAlgorithm",
            one_of("aws:kms"),
            "must declare the algorithm aws:kms",
        )
        yield from expect_of(
            rule.at("bucketKeyEnabled"),
            part,
            "bucketKeyEnabled",
            one_of(True),
            "must declare bucketKeyEnabled",
        )
        keys = stack.view(Keys)
        if not keys.named(part, name, key_of(rule)):
            # What is known here names no key of this stack, so nothing fits it.
            yield from expect_of(
                key_of(rule), part, "kmsMasterKeyId", _never, "must name a KMS key of this stack"
            )
    yield from _shared(vault, stack)


def _shared(vault: Resource, stack: PolicyStack) -> Iterable[Text]:
    users = stack.view(_users)
    for key in stack.view(Keys).of_bucket(vault):
        if len(users[key]) > 1:
            yield say("{key} is also the key of another vault", key=key)


def _users(stack: PolicyStack) -> dict[Resource, list[Resource]]:
    found: dict[Resource, list[Resource]] = {}
    for vault in vaults(stack):
        for key in stack.view(Keys).of_bucket(vault):
            found.setdefault(key, []).append(vault)
    return found


def _never(_value: object) -> bool:
    return False


RULE: Final = Rule(
    id="vault-is-encrypted-with-its-own-key",
    title="Every bucket that holds backups is encrypted with a KMS key of this stack that no other one uses",
    violated="is not encrypted with a key of its own",
    severity=Severity.HIGH,
    risk="Who may read the bucket reads every backup, and one lost key makes all copies worthless at once.",
    fix=(
        "Declare a KMS key for this bucket alone and name it in its "
        "BucketServerSideEncryptionConfiguration: aws:kms, kmsMasterKeyId and bucketKeyEnabled."
    ),
    controls=(Control.NIST_CP_9_8, Control.NIST_SC_28, Control.ISO_A_8_24, Control.CIS_3_11),
    subjects=vaults,
    judge=_judge,
)
