"""A vault that is not encrypted with a KMS key of this stack and of its own is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.kms_keys import KmsKeys, encryption_rules, key_id_of
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, expect_value, one_of
from policies.framework.stack import PolicyStack, Resource

_DEFAULT: Final = "applyServerSideEncryptionByDefault"


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    rules = encryption_rules(vault, stack)
    if not rules:
        yield message("it declares no encryption")
    for part, name, rule in rules:
        yield from expect_value(
            rule.at(_DEFAULT, "sseAlgorithm"),
            part,
            "sseAlgorithm",
            one_of("aws:kms"),
            "must declare the algorithm aws:kms",
        )
        yield from expect_value(
            rule.at("bucketKeyEnabled"),
            part,
            "bucketKeyEnabled",
            one_of(True),
            "must declare bucketKeyEnabled",
        )
        keys = stack.view(KmsKeys)
        if not keys.resolve(part, name, key_id_of(rule)):
            # A known value here names no key of this stack, so none fits.
            yield from expect_value(
                key_id_of(rule), part, "kmsMasterKeyId", _never, "must name a KMS key of this stack"
            )
    yield from _check_key_use(vault, stack)


def _check_key_use(vault: Resource, stack: PolicyStack) -> Iterable[Message]:
    users = stack.view(_find_key_users)
    for key in stack.view(KmsKeys).of_bucket(vault):
        if len(users[key]) > 1:
            yield message("{key} is also the key of another vault", key=key)


def _find_key_users(stack: PolicyStack) -> dict[Resource, list[Resource]]:
    """Return the vaults that each key encrypts."""
    users: dict[Resource, list[Resource]] = {}
    for vault in vaults(stack):
        for key in stack.view(KmsKeys).of_bucket(vault):
            users.setdefault(key, []).append(vault)
    return users


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
