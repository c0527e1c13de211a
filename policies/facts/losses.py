"""What is left of a store's data if a vendor, cloud, region, account, key or credential turns hostile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.facts.buckets import BUCKET
from policies.facts.failure_domain import FailureDomain
from policies.facts.jobs import backup_jobs_of, mirror_jobs_of, resolve_urns
from policies.facts.key_authority import find_authorities
from policies.facts.kms_keys import KmsKeys
from policies.facts.role_power import can_take_away, roles
from policies.facts.s3_access import IamIdentity
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class Loss:
    """The loss of one thing that at least one copy of a store depends on, or of a credential."""

    kind: str
    """`vendor`, `cloud`, `region`, `account`, `key`, `role` or `api key`."""

    name: str
    """Of roles that take nothing, the names of all, separated by commas."""

    left: tuple[str, ...]
    """URNs of the store and its copies that don't depend on it."""

    unknown: tuple[str, ...]
    """URNs of those of which the stack doesn't say."""

    def document(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "left": list(self.left), "unknown": list(self.unknown)}


def losses_of(store: Resource, stack: PolicyStack) -> list[Loss]:
    """
    Return what is left of a store, itself or a copy, for everything that it or a copy depends on.

    An account is lost with whoever is its administrator. What a role takes follows from its policies and
    those of the buckets and keys. The API key of a vendor takes all that is there and not locked for good.
    """
    jobs = [*backup_jobs_of(store, stack), *mirror_jobs_of(store, stack)]
    copies = [copy for job in jobs for copy in resolve_urns(job, "copies", stack)]
    holders = dict.fromkeys((store, *copies))
    return [
        *_lose_things({holder: _find_dependencies(holder, stack) for holder in holders}, stack),
        *_lose_roles(holders, stack),
        *_lose_api_keys(holders, stack),
    ]


def _lose_things(holders: Mapping[Resource, Mapping[str, str]], stack: PolicyStack) -> Iterator[Loss]:
    authorities = {holder: find_authorities(holder, stack) or frozenset() for holder in holders}
    things = dict.fromkeys((kind, name) for found in holders.values() for kind, name in found.items() if name)
    for kind, name in things:
        account = name.rpartition(" ")[2] if kind == "account" else None
        yield Loss(
            kind,
            name,
            left=tuple(
                holder.urn
                for holder, found in holders.items()
                if found[kind] not in {name, ""} and account not in authorities[holder]
            ),
            unknown=tuple(holder.urn for holder, found in holders.items() if not found[kind]),
        )


def _lose_roles(holders: Mapping[Resource, Any], stack: PolicyStack) -> Iterator[Loss]:
    """Yield one loss for each role that takes something, and one for all the others together."""
    buckets = [holder for holder in holders if holder.type == BUCKET]
    harmless: list[str] = []
    for role in roles(stack):
        taken = {bucket: can_take_away(role, bucket, stack) for bucket in buckets}
        if not any(found is not False for found in taken.values()):
            harmless.append(_role_name(role))
            continue
        yield Loss(
            "role",
            _role_name(role),
            left=tuple(holder.urn for holder in holders if taken.get(holder, False) is False),
            unknown=tuple(bucket.urn for bucket, found in taken.items() if found is None),
        )
    if harmless:
        yield Loss("role", ", ".join(sorted(harmless)), tuple(holder.urn for holder in holders), ())


def _lose_api_keys(holders: Mapping[Resource, Any], stack: PolicyStack) -> Iterator[Loss]:
    vendors = {holder: _name(FailureDomain.of(holder, stack).vendor) for holder in holders}
    for vendor in dict.fromkeys(vendors.values()):
        if vendor and vendor != "aws":  # there are roles in place of such a key
            yield Loss(
                "api key",
                f"of {vendor}",
                left=tuple(
                    holder.urn
                    for holder, its in vendors.items()
                    if its not in {vendor, ""} or holder.at("lockMode") == Known("COMPLIANCE")
                ),
                unknown=tuple(holder.urn for holder, its in vendors.items() if not its),
            )


def _role_name(role: IamIdentity) -> str:
    name = (role.arn_suffix or role.resource.name).rpartition("/")[2]
    return f"{name} of {role.account}" if role.account else name


def _find_dependencies(holder: Resource, stack: PolicyStack) -> dict[str, str]:
    """Return what a store or a copy depends on, by its kind; an empty name is not known."""
    domain = FailureDomain.of(holder, stack)
    vendor, cloud = _name(domain.vendor), _name(domain.cloud)
    keys = stack.view(KmsKeys).of_bucket(holder) if holder.type == BUCKET else []
    encrypted = holder.at("encryptedTo").each()  # to a public key, before it is stored
    return {
        "vendor": vendor,
        "cloud": cloud,
        "account": _name(domain.account, of=vendor),
        "region": _name(domain.region, of=cloud),
        "key": keys[0].name if keys else f"of {holder.name}" if encrypted else f"{vendor}'s own",
    }


def _name(value: PropertyValue, *, of: str | None = None) -> str:
    match value:
        case Known(str(name)):
            return name if of is None else f"{of} {name}".strip()
        case Absent() if of:
            # Of another vendor or in another cloud, so another one.
            return f"{of}, not declared"
        case _:
            return ""
