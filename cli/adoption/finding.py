"""What exists already at a vendor, compared with what a stack declares."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from components.settings import Settings
from core.failure import Failure
from live.aws_access import AwsAccess
from live.declared import DeclaredStack, StateResource, inputs_of, name_of
from live.vendor_apis import Apis

FindingStatus = Literal["managed", "set", "found", "missing", "duplicate", "ambiguous", "unfit", "unknown"]
"""
managed: the stack has it; set: the settings name it; found: they can; missing: the next `up` makes it;
duplicate: beside the stack's own there is another one like it; ambiguous: several are there; unfit: it
can't be used as it is; unknown: nobody said.
"""

UNDECIDED: Final[frozenset[FindingStatus]] = frozenset(("duplicate", "ambiguous", "unfit", "unknown"))
"""Statuses that a person has to resolve."""

_NOT_KNOWN: Final = ("04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[secret]")
"""What the engine's events have in place of a value that is not known yet, or is a secret."""


@dataclass(frozen=True)
class VendorObject:
    """
    Something that exists at a vendor.

    `id` is as a stack's state has it, and `import_id` as an import takes it, where that is another one.
    `fields` has what is compared with the declared inputs, by their names. `obstacle` says why the stack
    can't use it as it is.
    """

    id: str
    fields: Mapping[str, Any]
    import_id: str = ""
    obstacle: str = ""

    @property
    def setting(self) -> str:
        """The id that the settings have."""
        return self.import_id or self.id


@dataclass(frozen=True)
class Vendors:
    """How to ask the vendors, and what the stack declares of them."""

    settings: Settings
    apis: Apis
    aws: AwsAccess
    declared: DeclaredStack
    ids: Mapping[str, str]
    """Name of a resource -> its id in the stack's state, or else in the settings."""

    _answers: dict[tuple[Any, ...], Any] = field(default_factory=dict[tuple[Any, ...], Any])

    def ask_once(self, key: tuple[Any, ...], ask: Callable[[], Any]) -> Any:
        """Return the answer to a question, which is asked the first time."""
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]

    def client(self, service: str, resource: StateResource) -> Any:
        """Return a client of AWS for the account and the region that a resource is in."""
        return self.aws.open_client(service, self.provider_of(resource))

    def provider_of(self, resource: StateResource) -> dict[str, Any]:
        """Return the inputs of a resource's provider, with the resource's own region if it has one."""
        own = {"region": region} if (region := inputs_of(resource).get("region")) else {}
        return {**self.declared.provider_of(resource), **own}


class ResourceKind(NamedTuple):
    """
    A type of resource that may exist already, and how to find one.

    Args:
        token: The type.
        title: What it is, for people.
        list_objects: Returns what exists at the vendor that a declared resource may be. Raises Failure.
        matches: The inputs by which it is found; the first that finds something counts.
        fixed: The inputs for which the provider would make another one.
        within: The inputs that say what it belongs to. What belongs to something else is not meant.
        setting: Whether it is taken over, or only read because others use it as well.
        others: Whether a person should hear of what there is if none of it is meant.
        deletion: How a second one is deleted, if not by whoever may sign in at the vendor.
    """

    token: str
    title: str
    list_objects: Callable[[Vendors, StateResource], Iterable[VendorObject]]
    matches: tuple[str, ...] = ("name",)
    fixed: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    setting: Literal["adopt", "reference"] = "adopt"
    others: bool = False
    deletion: str = ""


@dataclass(frozen=True)
class Finding:
    """The result of looking for a declared resource at its vendor; `resource` is its name in the stack."""

    vendor: str
    resource: str
    what: str
    status: FindingStatus
    setting: str = "adopt"
    id: str = ""
    note: str = ""
    candidates: tuple[str, ...] = ()
    deletion: str = ""
    """How a second one is deleted."""


def decide(
    vendor: str,
    kind: ResourceKind,
    resource: StateResource,
    objects: Sequence[VendorObject],
    *,
    others: Sequence[StateResource],
    owned: Collection[str],
    own_id: str | None,
    present: str | None,
) -> Finding:
    """
    Decide what exists at the vendor means for a declared resource. Of several that are alike none is chosen.

    Args:
        vendor: The vendor's name.
        kind: The resource's type.
        resource: The resource, as the program declares it.
        objects: What exists at the vendor.
        others: The declared resources of the same type.
        owned: Ids of the stack's own resources of the type.
        own_id: The resource's id in the stack's state.
        present: Its id in the settings.
    """
    inputs = _drop_unknown(inputs_of(resource))
    label = next((inputs[name] for name in kind.matches if name in inputs), "")
    finding = Finding(
        vendor, name_of(resource), f"{kind.title} {label}".strip(), "missing", kind.setting, own_id or ""
    )
    here = [candidate for candidate in objects if _is_within(kind, inputs, candidate)]
    if own_id is not None:
        same = (*kind.matches, *kind.fixed)
        twins = tuple(
            candidate.id
            for candidate in here
            if candidate.id not in owned and all(_same(inputs.get(name), candidate, name) for name in same)
        )
        if not twins:
            return replace(finding, status="managed")
        deletion = kind.deletion or f"delete it at {vendor}"
        note = f"{vendor} has {' and '.join(twins)} as well: look at it, then {deletion}."
        return replace(finding, status="duplicate", candidates=twins, note=note, deletion=deletion)
    free = [candidate for candidate in here if candidate.id not in owned]
    if present:
        found = [candidate for candidate in objects if present in {candidate.setting, candidate.id}]
        if not found:
            note = "the setting names what is not there: correct it, or remove it."
            return replace(finding, status="unfit", id=present, note=note)
    else:
        found = _find(kind, inputs, free, [_drop_unknown(inputs_of(other)) for other in others])
    judged = [replace(candidate, obstacle=_find_obstacle(kind, inputs, candidate)) for candidate in found]
    fitting = [candidate for candidate in judged if not candidate.obstacle] or judged
    if not fitting:
        there = ", ".join(str(candidate.fields.get(kind.matches[0])) for candidate in free)
        note = f"`up` makes it; there is {there}. If that is it, write its name into the settings."
        return replace(finding, note=note if kind.others and there else "")
    if len(fitting) > 1:
        ids = tuple(candidate.setting for candidate in fitting)
        note = "several are there: write the right one into the settings, or rename or remove the others."
        return replace(finding, status="ambiguous", candidates=ids, note=note)
    (candidate,) = fitting
    if candidate.obstacle:
        return replace(finding, status="unfit", id=candidate.id, note=candidate.obstacle)
    first = kind.matches[0]
    note = (
        f"found by its {kind.matches[-1]}; its {first} is {candidate.fields.get(first)}, until `up`."
        if kind.setting == "adopt" and first in inputs and not _same(inputs[first], candidate, first)
        else ""
    )
    return replace(finding, status="set" if present else "found", id=candidate.setting, note=note)


def find_existing(
    vendor: str,
    kinds: Iterable[ResourceKind],
    vendors: Vendors,
    *,
    states: DeclaredStack,
    present: Mapping[str, str],
    only: Collection[str] | None = None,
) -> tuple[list[Finding], Failure | None]:
    """
    Ask one vendor for all resources that the stack declares of it, or for those whose names are in `only`.

    After a failure the vendor is not asked again, and the resources that are left are unknown.
    """
    findings: list[Finding] = []
    failure: Failure | None = None
    for kind in kinds:
        declared = vendors.declared.of_type(kind.token)
        own = {name_of(known): str(known["id"]) for known in states.of_type(kind.token)}
        for resource in declared:
            name = name_of(resource)
            if only is not None and name not in only:
                continue
            finding = Finding(
                vendor, name, f"{kind.title} {name}", "unknown", kind.setting, own.get(name, "")
            )
            if failure is None:
                try:
                    objects = list(kind.list_objects(vendors, resource))
                except Failure as error:
                    failure = error
                else:
                    finding = decide(
                        vendor,
                        kind,
                        resource,
                        objects,
                        others=[other for other in declared if other is not resource],
                        owned=set(own.values()),
                        own_id=own.get(name),
                        present=present.get(name),
                    )
            findings.append(finding)
    return findings, failure


def _drop_unknown(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if value is not None and value not in _NOT_KNOWN}


def _same(value: Any, candidate: VendorObject, name: str) -> bool:
    """Compare a declared input with what exists; what is not declared, or not told, does not differ."""
    if value is None or name not in candidate.fields:
        return True
    return _plain(value) == _plain(candidate.fields[name])


def _plain(value: Any) -> str:
    """Return a value without what vendors write in another way: scheme and end of an address, capitals."""
    number = f"{value:g}" if isinstance(value, int | float) else str(value)
    return number.removeprefix("https://").rstrip("/").casefold()


def _is_within(kind: ResourceKind, inputs: Mapping[str, Any], candidate: VendorObject) -> bool:
    return all(_same(inputs.get(name), candidate, name) for name in kind.within)


def _find(
    kind: ResourceKind,
    inputs: Mapping[str, Any],
    objects: Sequence[VendorObject],
    others: Sequence[Mapping[str, Any]],
) -> list[VendorObject]:
    """Return what has the first input that any has, but not what is another resource's by an input before."""
    left = list(objects)
    for name in kind.matches:
        if name in inputs and (
            found := [
                candidate
                for candidate in left
                if name in candidate.fields and _same(inputs[name], candidate, name)
            ]
        ):
            return found
        left = [
            candidate
            for candidate in left
            if not any(
                name in other and name in candidate.fields and _same(other[name], candidate, name)
                for other in others
            )
        ]
    return []


def _find_obstacle(kind: ResourceKind, inputs: Mapping[str, Any], candidate: VendorObject) -> str:
    differing = [
        f"its {name} is {candidate.fields[name]}, and {inputs[name]} is declared"
        for name in kind.fixed
        if not _same(inputs.get(name), candidate, name)
    ]
    if differing:
        return (
            f"{', '.join(differing)}, which can't be changed: correct the settings, or remove or rename it."
        )
    return candidate.obstacle
