"""What is left of a store's data if one vendor, cloud, region, account or key is lost or hostile."""

from dataclasses import dataclass
from typing import Any

from policies.facts.buckets import BUCKET
from policies.facts.failure_domain import FailureDomain
from policies.facts.jobs import backup_jobs_of, mirror_jobs_of, resolve_urns
from policies.facts.kms_keys import KmsKeys
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class Loss:
    """The loss of one thing that at least one copy of a store depends on."""

    kind: str
    """`vendor`, `cloud`, `region`, `account` or `key`."""

    name: str
    left: tuple[str, ...]
    """URNs of the store and its copies that don't depend on it."""

    unknown: tuple[str, ...]
    """URNs of those of which the stack doesn't say."""

    def document(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "left": list(self.left), "unknown": list(self.unknown)}


def losses_of(store: Resource, stack: PolicyStack) -> list[Loss]:
    """Return what is left of a store, itself or a copy, for everything that it or a copy depends on."""
    jobs = [*backup_jobs_of(store, stack), *mirror_jobs_of(store, stack)]
    copies = [copy for job in jobs for copy in resolve_urns(job, "copies", stack)]
    holders = {holder: _find_dependencies(holder, stack) for holder in (store, *copies)}
    things = dict.fromkeys((kind, name) for found in holders.values() for kind, name in found.items() if name)
    return [
        Loss(
            kind,
            name,
            left=tuple(holder.urn for holder, found in holders.items() if found[kind] not in {name, ""}),
            unknown=tuple(holder.urn for holder, found in holders.items() if not found[kind]),
        )
        for kind, name in things
    ]


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
