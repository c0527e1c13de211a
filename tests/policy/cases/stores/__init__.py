"""The rules about data stores."""

from collections.abc import Sequence
from typing import Any

from policy_harness import Toy

PROJECT = "database-project"
VAULT = "backups-vault-bucket"


def with_other(token: str, **inputs: Any) -> list[Toy]:
    return [Toy(token, "other", inputs, provider="other-provider", options={"protect": True})]


def urn_of(stack: Sequence[Toy], name: str) -> str:
    return next(toy.urn for toy in stack if toy.name == name)
