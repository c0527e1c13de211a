from collections.abc import Sequence
from dataclasses import replace

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, alter, find_toy, secret

OWNER, BACKUP = "database-role-owner", "database-role-backup"
DATABASE, DOCUMENT = "database-database", "document-values-copier"


def given(user: str, key: str, role: str = OWNER) -> Change:
    """Make an input of a role besides what it is made from."""

    def change(stack: Sequence[Toy]) -> list[Toy]:
        toy = find_toy(stack, user)
        made_from = {**toy.made_from, key: [*toy.made_from[key], role]}
        return [replace(toy, made_from=made_from) if one is toy else one for one in stack]

    return change


def owned_by(name: object) -> Change:
    return lambda stack: alter(given(DOCUMENT, "secretString")(stack), DATABASE, ownerName=name)


def issuer(**roles: object) -> Change:
    """Let whoever has a token of an issuer sign in as roles of the database."""
    return lambda stack: [*stack, Toy("neon:index/jwksUrl:JwksUrl", "issuer", roles, provider="neon")]


CASE = Case(
    rule="owner-role-is-given-to-nobody",
    at=OWNER,
    weak=(
        given(DOCUMENT, "secretString"),
        given("document-values-driller", "secretString"),
        owned_by("platform_owner"),
        issuer(roleNames=["platform_app", "platform_owner"]),
        issuer(),
    ),
    absent=(),
    unknown=(
        lambda s: alter(s, OWNER, name=UNKNOWN),
        lambda s: alter(s, OWNER, name=secret(UNKNOWN)),
    ),
    secret=(lambda s: alter(s, OWNER, name=secret("platform_owner")),),
    fine=(
        given(DOCUMENT, "secretString", BACKUP),
        owned_by(ABSENT),
        issuer(roleNames=["platform_app"]),
    ),
)
