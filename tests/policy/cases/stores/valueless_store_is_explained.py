from collections.abc import Sequence
from typing import Any

from case import Case
from policy_harness import UNKNOWN, Toy, alter, find_toy, secret

from cases.stores import PROJECT, VAULT

_SITE = "urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::site"
REASON = "The pages are built from the repository by each deploy"


def _with_site(stack: Sequence[Toy], **facts: Any) -> list[Toy]:
    """Return what is no production, with a website's bucket that a component declares to be of no value."""
    bucket = Toy("aws:s3/bucket:Bucket", "site", {"bucket": "shop-site"}, provider="aws")
    given = {"holdsNothing": [bucket.urn], "reason": REASON, **facts}
    facts = {name: fact for name, fact in given.items() if fact is not None}
    declaration = Toy("shop:index:Valueless", "valueless", facts, made_from={"holdsNothing": ["site"]})
    elsewhere = alter(alter(stack, "example", environment="staging"), "accounts", environment="staging")
    return [*elsewhere, bucket, declaration]


def _names(stack: Sequence[Toy], store: str) -> list[Toy]:
    return _with_site(stack, holdsNothing=[find_toy(stack, store).urn])


CASE = Case(
    rule="valueless-store-is-explained",
    at="valueless",
    weak=(
        lambda s: _with_site(s, reason="It is fine"),
        lambda s: _with_site(s, reason=5),
        lambda s: _with_site(s, reason=secret(REASON)),
        lambda s: _with_site(s, holdsNothing=["urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::other"]),
        lambda s: _with_site(s, holdsNothing=[]),
        lambda s: _names(s, PROJECT),
        lambda s: _names(s, VAULT),
        lambda s: alter(_with_site(s), "example", environment="production"),
    ),
    absent=(lambda s: _with_site(s, reason=None),),
    unknown=(lambda s: _with_site(s, reason=UNKNOWN),),
    secret=(lambda s: _with_site(s, holdsNothing=secret([_SITE])),),
    fine=(
        _with_site,
        lambda s: _with_site(s, holdsNothing=[UNKNOWN]),
    ),
)
