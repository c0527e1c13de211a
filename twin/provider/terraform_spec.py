"""Facts about bridged providers that are in the provider's source and not in its schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.provider.rules import InputRule
from twin.provider.values import Properties


@dataclass(frozen=True)
class ResourceSpec:
    """One resource type of a provider. Names are the provider's camelCase properties."""

    rules: tuple[InputRule, ...] = ()
    """Checks of the inputs, made in every preview."""

    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values that the provider sends for inputs that are not set."""

    computed: frozenset[str] = frozenset()
    """Inputs that the vendor chooses when they are not set, although the schema does not say so."""

    replaces: frozenset[str] = frozenset()
    """Inputs whose change replaces the resource."""

    managed_when_set: frozenset[str] = frozenset()
    """Inputs that the provider ignores, whatever the vendor's value is, until the program sets them."""

    write_only: frozenset[str] = frozenset()
    """Inputs that are never read back: the state keeps the program's last value."""

    hidden: Callable[[Properties], frozenset[str]] = lambda _actual: frozenset()
    """Inputs that the vendor shows of some objects and not of this one: the state keeps its last value."""

    not_on_create: frozenset[str] = frozenset()
    """Inputs that are sent with updates only."""

    only_on_create: frozenset[str] = frozenset()
    """Inputs that are never sent with updates."""

    normalize: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """Input -> conversion; two values do not differ if they are equal after it."""

    empty_is_value: frozenset[str] = frozenset()
    """Computed inputs whose empty value is a value, and not the same as unset."""

    gone_is_error: bool = False
    """The read of a deleted resource fails, where other types plan to create it again."""

    gone_fails_delete: bool = False
    """The deletion of a deleted resource fails, where other types succeed."""

    address: Callable[[str, Properties], str] = lambda identifier, _state: identifier
    """Converts an id or import id, with the state, to the id in the vendor's model."""

    prepare: Callable[[Properties], Properties] = lambda inputs: inputs
    """The provider's change of the inputs before it sends them."""


@dataclass(frozen=True)
class VendorSpec:
    """One bridged provider."""

    title: str
    resources: Mapping[str, ResourceSpec]
    """By the kind in the vendor's model, which is the resource name with a small first letter."""

    scalar_lists_are_sets: bool
    """Whether lists of scalars are sets, whose order does not matter."""

    object_sets: frozenset[str] = frozenset()
    """Lists of objects that are sets."""

    fractions: frozenset[str] = frozenset()
    """Properties whose numbers may have a fraction."""

    uses_sdk_v2: bool = False
    """
    Whether the provider uses terraform-plugin-sdk v2: an empty value counts as unset, and after create and
    update the state holds the vendor's values, also where the program has another value or none.
    """

    repeats_creation: Callable[[str, int], bool] = lambda _kind, _status: False
    """Whether the provider sends the creation of a kind again after this HTTP status."""

    delete_success_statuses: frozenset[int] = frozenset({404})
    """HTTP statuses of a deletion that the provider takes for success."""


def last_part(identifier: str, _state: Properties) -> str:
    """Return the id without the rest of an import id such as `<organization>/<project>/<id>`."""
    return identifier.rsplit("/", 1)[-1]
