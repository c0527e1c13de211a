"""What a bridged resource type has beside its schema: the facts that only the provider's source tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.provider.rules import InputRule
from twin.provider.values import Properties


@dataclass(frozen=True)
class ResourceSpec:
    """One resource type of a provider. Names are the provider's camelCase properties."""

    rules: tuple[InputRule, ...] = ()
    """Checked on the inputs alone, in every preview."""

    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the provider sends when the program says nothing."""

    computed: frozenset[str] = frozenset()
    """Left to the vendor when unset, although the schema does not say so."""

    replaces: frozenset[str] = frozenset()
    """Inputs whose change makes a new resource."""

    unmanaged: frozenset[str] = frozenset()
    """Ignored, whatever the vendor says, until the program sets them."""

    remembered: frozenset[str] = frozenset()
    """Never read back: the state is what the program last said."""

    not_on_create: frozenset[str] = frozenset()
    """Sent with updates only."""

    only_on_create: frozenset[str] = frozenset()
    """Never sent with updates."""

    alike: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """Values that are equal after this conversion do not differ."""

    literal: frozenset[str] = frozenset()
    """Empty is a value of these, and not the same as unset, although the vendor computes them when unset."""

    gone_is_error: bool = False
    """Read fails when the resource is gone, instead of planning to make it anew."""

    gone_fails_delete: bool = False

    address: Callable[[str, Properties], str] = lambda identifier, _state: identifier
    """(id or import id, state) -> the model's id."""

    prepare: Callable[[Properties], Properties] = lambda wanted: wanted
    """What the provider does to a request before it sends it."""


@dataclass(frozen=True)
class VendorSpec:
    """One provider as the door sees it."""

    title: str
    kinds: Mapping[str, ResourceSpec]
    """By the model's kind: the resource name with a small first letter."""

    sets: bool
    """Lists of scalars are sets, so that their order does not matter."""

    sets_of_objects: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    """Properties whose numbers need not be whole."""

    old_sdk: bool = False
    """
    Written with Terraform's older SDK: empty and unset are one, and after create and update the state shows
    what the vendor has, also where the program said something else, or nothing.
    """

    forgiven: frozenset[int] = frozenset({404})
    """HTTP statuses that the provider takes for success when it deletes."""


def last_part(identifier: str, _state: Properties) -> str:
    """Address by the id alone, or by the path that an import takes: `<organization>/<project>/<id>`."""
    return identifier.rsplit("/", 1)[-1]
