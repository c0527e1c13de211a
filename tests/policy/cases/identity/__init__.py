"""The rules about identities, credentials and providers."""

import json
from typing import Any

from case import Change
from policy_harness import Toy, alter, find_toy, secret

DEPLOYER = "backups-identity-deployer"
ACCOUNT, OTHER = "123456789012", "210987654321"
KEYS = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/*"
OWN = f"arn:aws:iam::{ACCOUNT}:role/example-deployer"


def document(statement: dict[str, Any], *others: dict[str, Any]) -> str:
    """Return a policy of these statements, which allow unless they say something else."""
    return json.dumps({"Statement": [{"Effect": "Allow", **one} for one in (statement, *others)]})


def role(statement: dict[str, Any], name: str = DEPLOYER) -> Change:
    return lambda s: alter(s, name, assumeRolePolicy=document(statement))


def policy(statement: dict[str, Any], *others: dict[str, Any]) -> Change:
    return lambda s: alter(s, f"{DEPLOYER}-policy", policy=document(statement, *others))


def on(action: Any, resource: Any, **condition: Any) -> dict[str, Any]:
    return {"Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def extra(type_: str, provider: str = "aws", **inputs: Any) -> Change:
    """Return the change that adds a resource called `extra`."""
    return lambda s: [*s, Toy(type_, "extra", inputs, provider=provider)]


def marked(name: str, key: str) -> Change:
    return lambda s: alter(s, name, **{key: secret(find_toy(s, name).inputs[key])})
