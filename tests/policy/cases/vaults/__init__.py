"""The rules about buckets, above all those that hold backups, and about keys."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from case import Change
from policy_harness import ABSENT, Toy, alter, find_toy, production, secret, without

VAULT = "backups-vault"
BUCKET = "backups-vault-bucket"
WRITER = "backups-identity-backup-writer"
NAME = "example-vault-123456789012-eu-west-1"
ARN = f"arn:aws:s3:::{NAME}"
REPLICA_ARN = "arn:aws:s3:::example-vault-210987654321-eu-north-1"


def change(name: str, /, **changes: Any) -> Change:
    return lambda stack: alter(stack, name, **changes)


def drop(*names: str) -> Change:
    return lambda stack: without(stack, *names)


def add(*toys: Toy) -> Change:
    return lambda stack: [*stack, *toys]


def both(*changes: Change) -> Change:
    def change_all(stack: Sequence[Toy]) -> Sequence[Toy]:
        for one in changes:
            stack = one(stack)
        return stack

    return change_all


def aws(kind: str, called: str, /, **inputs: Any) -> Toy:
    return Toy(f"aws:{kind}", called, inputs, provider="aws")


def document(name: str, edit: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Change the statements of a policy."""

    def changed(stack: Sequence[Toy]) -> Sequence[Toy]:
        policy = json.loads(find_toy(stack, name).inputs["policy"])
        edit(policy["Statement"])
        return alter(stack, name, policy=json.dumps(policy))

    return changed


def statement(name: str, sid: str, **changes: Any) -> Change:
    """Change one statement of a policy; ABSENT takes a part away."""

    def edit(statements: list[dict[str, Any]]) -> None:
        one = next(one for one in statements if one["Sid"] == sid)
        one.update(changes)
        for key, value in changes.items():
            if value is ABSENT:
                del one[key]

    return document(name, edit)


def no_statement(name: str, sid: str) -> Change:
    return document(name, lambda said: said.remove(next(one for one in said if one["Sid"] == sid)))


def more(name: str, **added: Any) -> Change:
    return document(name, lambda said: said.append(added))


def allow(action: str | list[str], resource: str, **added: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **added}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": statements})


def inputs_of(name: str) -> dict[str, Any]:
    return find_toy(production(), name).inputs


def as_secret(name: str, *inputs: str) -> Change:
    return change(name, **{key: secret(inputs_of(name)[key]) for key in inputs})


def as_object(name: str) -> Change:
    """Give a policy as an object instead of JSON text, as pulumi-aws takes both."""
    return change(name, policy=json.loads(inputs_of(name)["policy"]))


def second(name: str, **inputs: Any) -> Change:
    """Add a second resource of the same kind on the same bucket: it takes the first's place."""
    first = find_toy(production(), name)
    return add(replace(first, name=f"{name}-again", inputs={"bucket": NAME, **inputs}))


def made_from(name: str, **inputs: list[str]) -> Change:
    return lambda stack: [
        replace(toy, made_from={**toy.made_from, **inputs}) if toy.name == name else toy for toy in stack
    ]


TLS = {"Bool": {"aws:SecureTransport": "false"}}
POLICY = f"{VAULT}-policy"
WHO = "aws:PrincipalArn"
THE_WRITER = "arn:aws:iam::*:role/example-backup-writer"
EXPIRIES = inputs_of(f"{VAULT}-lifecycle")["rules"]
INLINE_EXPIRIES = [
    {
        "enabled": True,
        "prefix": rule["filter"].get("and", rule["filter"])["prefix"],
        "tags": rule["filter"].get("and", {}).get("tags"),
        "expiration": rule.get("expiration", {}),
        "noncurrentVersionExpiration": {
            "days": rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays")
        },
        "abortIncompleteMultipartUploadDays": rule.get("abortIncompleteMultipartUpload", {}).get(
            "daysAfterInitiation"
        ),
    }
    for rule in EXPIRIES
]
