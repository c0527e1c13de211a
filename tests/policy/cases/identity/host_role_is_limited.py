from collections.abc import Sequence
from dataclasses import replace

from case import Case
from policy_harness import Toy, alter, find_toy, secret

COLLECTION = "host-backend-variables"
OWNER = "postgresql://platform_owner:word@db.example.com/platform"
APPLICATION = "postgresql://platform_app:word@db.example.com/platform"


def made_of(stack: Sequence[Toy], *sources: str) -> list[Toy]:
    """Return the stack with the collection's values made of other resources."""
    changed = replace(find_toy(stack, COLLECTION), made_from={"variables": list(sources)})
    return [changed if toy.name == COLLECTION else toy for toy in stack]


CASE = Case(
    rule="host-role-is-limited",
    at=COLLECTION,
    weak=(
        lambda s: made_of(s, "database-project", "database-role-owner"),
        lambda s: made_of(s, "database-role-backup"),
        lambda s: alter(s, COLLECTION, variables__0__value=OWNER),
        lambda s: alter(s, COLLECTION, variables__0__value=secret(OWNER)),
    ),
    absent=(),
    unknown=(),
    secret=(lambda s: alter(s, COLLECTION, variables__0__value=secret(APPLICATION)),),
    fine=(lambda s: made_of(s, "database-role-application"),),
)
